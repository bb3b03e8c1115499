#include "source/internal/csv.h"

#include <gtest/gtest.h>

namespace millrace::source::internal {
namespace {

// "a|b;c|d" for two records of two fields; quoted fields in <>; errors as !reason.
std::string Parse(std::string_view bytes) {
  CsvParser parser(bytes);
  std::string text;
  while (const CsvRecord* record = parser.Next()) {
    if (!text.empty()) text += ";";
    if (!record->error.empty()) {
      text += "!" + record->error + "[" + std::string(record->text) + "]";
      continue;
    }
    for (size_t i = 0; i < record->fields.size(); ++i) {
      const CsvField& field = record->fields[i];
      text += i == 0 ? "" : "|";
      text += field.quoted ? "<" + std::string(field.text) + ">" : std::string(field.text);
    }
  }
  return text;
}

TEST(CsvParser, ReadsWhatRfc4180Says) {
  struct Case {
    std::string_view bytes;
    std::string_view expected;
  };
  for (const Case& c : {
           Case{"", ""},
           {"a,b\n1,2\n", "a|b;1|2"},
           {"a,b\r\n1,2", "a|b;1|2"},
           {"\xEF\xBB\xBF"
            "a,b\n",
            "a|b"},
           {"a,b\n\n\r\n1,\n,2\n,\n", "a|b;1|;|2;|"},
           {"a,b\n\"x,\"\"y\"\"\nz\",2\n", "a|b;<x,\"y\"\nz>|2"},
           {"a,b\n\"\",2\n", "a|b;<>|2"},
           {"a;b\n1;2,5\n", "a|b;1|2,5"},
           {"a\tb\n1\t2\n", "a|b;1|2"},
           {"a\n1\"2\n", "a;1\"2"},
           {"a,b\n\"x\",\n", "a|b;<x>|"},
           {"a,b\n1,2\r", "a|b;1|2"},
       }) {
    EXPECT_EQ(Parse(c.bytes), c.expected) << c.bytes;
  }
}

TEST(CsvParser, ABadRecordCostsItsLineAndNoMore) {
  EXPECT_EQ(Parse("a,b\n\"x,2\n3,4\n"), "a|b;!a quote is never closed[\"x,2];3|4");
  EXPECT_EQ(Parse("a,b\n\"x\"y,2\n3,4\n"), "a|b;!text follows a closing quote[\"x\"y,2];3|4");
  EXPECT_EQ(Parse("a,b\n\xFF,2\n3,4\n"), "a|b;!the row is not UTF-8[\xFF,2];3|4");
  EXPECT_EQ(Parse("a,b\n1,\""), "a|b;!a quote is never closed[1,\"]");
}

TEST(CsvParser, RowsWithoutAnEndAreBounded) {
  const std::string wide = "a\n" + std::string(20'000, ',') + "\n1\n";
  EXPECT_NE(Parse(wide).find("more than 10,000 fields"), std::string::npos);
  EXPECT_TRUE(Parse(wide).ends_with(";1"));
  const std::string lengthy = "a\n" + std::string(3 << 20, 'x') + "\n1\n";
  EXPECT_NE(Parse(lengthy).find("!the row has more than 1 MiB"), std::string::npos);
  EXPECT_TRUE(Parse(lengthy).ends_with(";1"));
}

}  // namespace
}  // namespace millrace::source::internal
