#include "resource/yaml.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/file.h"

namespace millrace::resource {
namespace {

Json ParseOne(const std::string& text) {
  const YamlSet set = ParseYaml(text, "x.yaml");
  EXPECT_EQ(set.diagnostics.ToString(), "") << text;
  return set.documents.empty() ? Json() : set.documents[0].value;
}

TEST(Yaml, ReadsScalarsByTheCoreSchema) {
  const std::pair<const char*, Json> cases[] = {
      {"5", 5},
      {"-3", -3},
      {"+7", 7},
      {"0x1F", 31},
      {"0o17", 15},
      {"017", 17},
      {"9223372036854775807", INT64_MAX},
      {"-9223372036854775808", INT64_MIN},
      {"9223372036854775808", "9223372036854775808"},
      {"5.0", 5.0},
      {".5", 0.5},
      {"1e3", 1000.0},
      {"-1.5E-2", -0.015},
      {"0.1", 0.1},
      {"true", true},
      {"False", false},
      {"yes", "yes"},
      {"on", "on"},
      {"~", Json()},
      {"null", Json()},
      {"7d", "7d"},
      {"1.5.2", "1.5.2"},
      {"1e", "1e"},
      {"2018-07-25", "2018-07-25"},
      {"2Gi", "2Gi"},
      {"'5'", "5"},
      {"\"true\"", "true"},
      {"''", ""},
      {"\"a\\u00e9\\n\"", "aé\n"},
      {"!!str 5", "5"},
      {"fraud@champion", "fraud@champion"},
      {"weekday(tx_datetime) >= 5", "weekday(tx_datetime) >= 5"},
  };
  for (const auto& [text, expected] : cases) {
    const Json value = ParseOne(std::string("v: ") + text + "\n")["v"];
    EXPECT_EQ(value, expected) << text;
    EXPECT_EQ(
        value.type() == Json::value_t::number_unsigned ? Json::value_t::number_integer : value.type(),
        expected.type() == Json::value_t::number_unsigned ? Json::value_t::number_integer : expected.type())
        << text;
  }
  EXPECT_TRUE(std::isinf(ParseOne("v: .inf")["v"].get<double>()));
  EXPECT_TRUE(std::isnan(ParseOne("v: .nan")["v"].get<double>()));
}

TEST(Yaml, RemembersWhereEachFieldStood) {
  const YamlSet set = ParseYaml(
      "# a comment\n"
      "kind: X\n"
      "spec:\n"
      "  windows: [1d, 7d]\n"
      "  features:\n"
      "  - {name: a, of: b}\n"
      "---\n"
      "kind: Y\n",
      "f.yaml");
  ASSERT_EQ(set.documents.size(), 2U);
  const std::tuple<const char*, int, int> cases[] = {
      {"kind", 2, 1},
      {"spec", 3, 1},
      {"spec.windows", 4, 3},
      {"spec.windows[1]", 4, 17},
      {"spec.features[0]", 6, 5},
      {"spec.features[0].of", 6, 15},
      {"spec.features[0].missing", 6, 5},
      {"spec.missing.deeper", 3, 1},
      {"missing", 2, 1},
  };
  for (const auto& [path, line, column] : cases) {
    const SourceMark mark = set.documents[0].At(path);
    EXPECT_EQ(mark.file, "f.yaml");
    EXPECT_EQ(std::make_pair(mark.line, mark.column), std::make_pair(line, column)) << path;
  }
  EXPECT_EQ(set.documents[1].At("kind").line, 8);
}

TEST(Yaml, LeavesOutEmptyDocuments) {
  EXPECT_TRUE(ParseYaml("", "x").documents.empty());
  EXPECT_TRUE(ParseYaml("# nothing\n", "x").documents.empty());
  EXPECT_EQ(ParseYaml("---\n---\na: 1\n---\n", "x").documents.size(), 1U);
}

TEST(Yaml, IsBounded) {
  const YamlLimits limits = {.bytes = 1000, .depth = 4, .nodes = 50};
  const std::pair<std::string, std::string> cases[] = {
      {std::string(1001, 'a'), "x: the file has 1001 bytes; at most 1000 are allowed\n"},
      {"a: {b: {c: {d: {e: 1}}}}", "x:1:16: not valid YAML: it nests deeper than 4 levels\n"},
      {"[[[[[]]]]]", "x:1:5: not valid YAML: it nests deeper than 4 levels\n"},
      {"[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
       "1]",
       "x:1:100: not valid YAML: the file has more than 50 values\n"},
  };
  for (const auto& [text, expected] : cases) {
    const YamlSet set = ParseYaml(text, "x", limits);
    EXPECT_EQ(set.diagnostics.ToString(), expected);
    EXPECT_TRUE(set.documents.empty());
  }
  const std::string long_name(1000, 'k');
  std::string many = long_name + ": {" + long_name + ": [";
  for (int i = 0; i < 50'000; ++i) many += "1,";
  EXPECT_EQ(ParseYaml(many + "]}\n", "x").documents.size(), 0U) << "the marks would take 100 MB";
  EXPECT_NE(ParseYaml("? " + std::string(2000, 'k') + "\n: 1\n", "x")
                .diagnostics.ToString()
                .find("a key is longer than 1024 bytes"),
            std::string::npos);
  // Deep enough to exhaust the stack of a parser that recurses without a bound.
  for (const char* unit : {"[", "{", "{a: ", "- ", "? "}) {
    std::string text;
    while (text.size() < 900'000) text += unit;
    EXPECT_FALSE(ParseYaml(text, "x").diagnostics.empty()) << unit;
  }
}

TEST(Yaml, EndsWithLargeTextsOfAnyKind) {
  for (const char* unit :
       {"a",    "a ",         "a\n",   "a: ",    "a: b\n",      "# c\n",   "!t ",  "&a ",  "*a ",
        "|\n",  "--- a\n",    "---\n", "%Y 1\n", "'",           "\"",      "\"\\", "'a' ", "{a},",
        "[a],", "a,",         ": ",    "- a\n",  "? a\n",       " ",       "\n",   "\t",   "]",
        "}",    "a: |\n x\n", ">\n",   "...\n",  "a: {b: c}\n", "\xc3\xa9"}) {
    std::string text;
    while (text.size() < 200'000) text += unit;
    EXPECT_LE(ParseYaml(text, "x").documents.size(), 100'000U) << unit;
  }
}

TEST(Yaml, RefusesTextThatIsNoUtf8) {
  const char* cases[] = {"a: \xff", "a: \xc0\xaf", "a: \xed\xa0\x80", "a: \xf5\x80\x80\x80",
                         "a: \x01", "\xe2\x82"};
  for (const char* text : cases) {
    EXPECT_NE(ParseYaml(text, "x").diagnostics.ToString().find("not UTF-8"), std::string::npos);
  }
  EXPECT_FALSE(ParseYaml(std::string("a: b\0c", 6), "x").diagnostics.empty());
  EXPECT_TRUE(ParseYaml("a: Zürich €\n", "x").diagnostics.empty());
}

TEST(Yaml, IsReadFromFoldersInOrder) {
  const TempDirectory root;
  const std::string& path = root.path();
  ASSERT_TRUE(MakeDirectories(path + "/b/c").ok());
  ASSERT_TRUE(MakeDirectories(path + "/.hidden").ok());
  const std::pair<const char*, const char*> files[] = {{"/z.yaml", "n: 4"},    {"/a.yml", "n: 1"},
                                                       {"/b/x.yaml", "n: 3"},  {"/b/c/y.yaml", "n: 2"},
                                                       {"/notes.txt", "n: 9"}, {"/.hidden/h.yaml", "n: 9"}};
  for (const auto& [name, text] : files) ASSERT_TRUE(WriteFileAtomically(path + name, text).ok());
  std::filesystem::create_directory_symlink(path, path + "/b/loop");
  const YamlSet set = LoadYaml(path);
  EXPECT_EQ(set.diagnostics.ToString(), "");
  std::vector<int> order;
  for (const Document& document : set.documents) order.push_back(document.value["n"].get<int>());
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
  EXPECT_EQ(set.documents[1].folder, path + "/b/c");
  EXPECT_EQ(set.documents[1].At("n").file, path + "/b/c/y.yaml");
  EXPECT_EQ(LoadYaml(path + "/none").diagnostics.ToString(),
            path + "/none: there is no such file or folder\n");
  EXPECT_EQ(LoadYaml(path + "/.hidden/h.yaml").documents.size(), 1U) << "a file that is named is read";
}

TEST(Yaml, OneBadFileDoesNotHideTheMessagesOfAnother) {
  const TempDirectory root;
  ASSERT_TRUE(WriteFileAtomically(root.path() + "/a.yaml", "a: [").ok());
  ASSERT_TRUE(WriteFileAtomically(root.path() + "/b.yaml", "b: }").ok());
  EXPECT_EQ(LoadYaml(root.path()).diagnostics.size(), 2U);
}

TEST(ToYaml, IsReadBackAsTheSameValue) {
  const Json cases[] = {
      {{"kind", "X"},
       {"spec", {{"list", {1, 2.5, true, nullptr}}, {"empty", Json::object()}, {"none", Json::array()}}}},
      {{"texts",
        {"",      "5",    "true",  "~", "- a", "a: b", "a #b", "#",   " lead",  "trail ", "line\nbreak",
         "tab\t", "it's", "\"q\"", "{", "@x",  "7d",   "0x1F", "1e3", "Zürich", "a:",     "*a",
         "&a",    "!t",   "%",     "`", "? a", "...",  "---"}}},
      {{"nested",
        Json::array({Json::array({1, Json::array({2})}), Json{{"a", Json::array({Json{{"b", 1}}})}}})}},
      {{"5", "number-like key"}, {"a: b", 1}},
      {{"big", 9007199254740993}, {"small", 0.1}, {"negative", -0.0}, {"whole", 3.0}},
      Json::array({1, "a"}),
      "text",
  };
  for (const Json& value : cases) {
    const std::string text = ToYaml(value);
    EXPECT_EQ(ParseOne(text), value) << text;
  }
}

TEST(ToYaml, PutsFirstWhatAPersonLooksFor) {
  const Json resource = {{"status", {{"rows", 1}}},
                         {"spec", {{"features", {{{"of", "x"}, {"name", "a"}}}}}},
                         {"metadata", {{"uid", "u"}, {"name", "n"}}},
                         {"kind", "DataSource"},
                         {"apiVersion", "v1"}};
  EXPECT_EQ(ToYaml(resource),
            "apiVersion: v1\n"
            "kind: DataSource\n"
            "metadata:\n"
            "  name: n\n"
            "  uid: u\n"
            "spec:\n"
            "  features:\n"
            "  - name: a\n"
            "    of: x\n"
            "status:\n"
            "  rows: 1\n");
}

}  // namespace
}  // namespace millrace::resource
