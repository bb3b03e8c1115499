#include "source/internal/unpack.h"

#include <arrow/util/compression.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "source/source.h"

namespace millrace::source {
namespace {

std::string Pack(const std::string& text, ::arrow::Compression::type compression) {
  const auto codec = ::arrow::util::Codec::Create(compression).ValueOrDie();
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int64_t>(text.size());
  std::string packed(static_cast<size_t>(codec->MaxCompressedLen(size, bytes)), '\0');
  const int64_t length = codec
                             ->Compress(size, bytes, static_cast<int64_t>(packed.size()),
                                        reinterpret_cast<uint8_t*>(packed.data()))
                             .ValueOrDie();
  packed.resize(static_cast<size_t>(length));
  return packed;
}

std::string Gzip(const std::string& text) { return Pack(text, ::arrow::Compression::GZIP); }
std::string Zstd(const std::string& text) { return Pack(text, ::arrow::Compression::ZSTD); }

class Unpack : public testing::Test {
 protected:
  Unpack() {
    spec_.event_time = "at";
    spec_.event_id = "id";
    spec_.files.emplace();
    spec_.files->paths = {directory_.path() + "/*"};
  }
  std::string Write(const std::string& name, const std::string& bytes) {
    std::string path = directory_.path() + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  TempDirectory directory_;
  resource::DataSourceSpec spec_;
};

// Longer than what is unpacked at once, and no two lines the same.
std::string LongText() {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += fmt::format("{} {}\n", i, (i * 7919) % 100'003);
  return text;
}

TEST_F(Unpack, CompressedTextGivesTheRowsAndTheRowNumbersOfItsText) {
  const std::string csv = "id,at\n1,2018-07-25\nx,2018-07-26\n3,2018-07-27,\n4,2018-07-28\n";
  const std::string jsonl = R"({"id":1,"at":"2018-07-25"})"
                            "\n{\n\n"
                            R"({"id":"x","at":"2018-07-26"})"
                            "\n";
  spec_.columns.push_back({});
  spec_.columns.back().name = "id";
  spec_.columns.back().type = DataType::kInt64;
  const struct {
    std::string name, packed, text;
  } cases[] = {{"a.csv.gz", Gzip(csv), csv},
               {"a.csv.zst", Zstd(csv), csv},
               {"a.tsv.gzip", Gzip(csv), csv},
               {"a.jsonl.gz", Gzip(jsonl), jsonl},
               {"a.ndjson.zstd", Zstd(jsonl), jsonl}};
  for (const auto& [name, packed, text] : cases) {
    SCOPED_TRACE(name);
    const std::string path = Write(name, packed);
    const Result<SourceRows> rows = ReadSource(spec_);
    ASSERT_TRUE(rows.ok()) << rows.status().ToString();
    EXPECT_EQ(InspectSource(spec_).value(), rows->events.schema());
    ASSERT_EQ(unlink(path.c_str()), 0);
    const std::string plain = Write(std::string(internal::WithoutPacking(name)), text);
    const SourceRows expected = ReadSource(spec_).value();
    ASSERT_EQ(unlink(plain.c_str()), 0);
    ASSERT_EQ(rows->dead_letters.num_rows(), 2u);
    EXPECT_EQ(rows->rows_read, expected.rows_read);
    for (const char* column : {"row", "reason", "text"}) {
      const Column got = rows->dead_letters.Find(column).value();
      const Column want = expected.dead_letters.Find(column).value();
      for (size_t row = 0; row < 2; ++row) EXPECT_EQ(ToText(got.Get(row)), ToText(want.Get(row)));
    }
  }
}

TEST_F(Unpack, PlainAndCompressedFilesOfOneFormatAreOneSource) {
  Write("a.csv", "id,at\n1,2018-07-25\n");
  Write("b.csv.gz", Gzip("id,at\n2,2018-07-25\n"));
  EXPECT_EQ(ReadSource(spec_).value().events.num_rows(), 2u);
}

TEST_F(Unpack, LongTextAndSeveralMembersAreOneText) {
  const std::string text = LongText();
  const std::string half = text.substr(0, text.size() / 2);
  const std::string rest = text.substr(text.size() / 2);
  for (const auto& [name, bytes] : {std::pair<std::string, std::string>{"a.gz", Gzip(text)},
                                    {"b.gz", Gzip(half) + Gzip("") + Gzip(rest)},
                                    {"c.zst", Zstd(text)},
                                    {"d.zst", Zstd(half) + Zstd(rest)}}) {
    SCOPED_TRACE(name);
    const std::string path = Write(name, bytes);
    EXPECT_EQ(internal::ReadText(path).value(), text);
    EXPECT_EQ(internal::ReadTextBeginning(path, 1000).value(), text.substr(0, 1000));
  }
  EXPECT_EQ(internal::ReadText(Write("empty.gz", Gzip(""))).value(), "");
}

TEST_F(Unpack, WhatIsCutShortOrDamagedIsNoText) {
  const std::string text = LongText().substr(0, 3000);
  for (const auto& [extension, packed] :
       {std::pair<std::string, std::string>{".gz", Gzip(text)}, {".zst", Zstd(text)}}) {
    SCOPED_TRACE(extension);
    for (size_t length = 0; length < packed.size(); length += 13) {
      const Status cut = internal::ReadText(Write("cut" + extension, packed.substr(0, length))).status();
      ASSERT_EQ(cut.code(), Code::kDataLoss) << length << " bytes: " << cut.ToString();
      EXPECT_NE(cut.message().find("cut short"), std::string::npos) << cut.message();
    }
    const Status plain = internal::ReadText(Write("plain" + extension, "id,at\n1,2018-07-25\n")).status();
    EXPECT_EQ(plain.code(), Code::kDataLoss) << plain.ToString();
    EXPECT_NE(plain.message().find("not compressed as its name says"), std::string::npos) << plain.message();
  }
  std::string flipped = Gzip(text);
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
  EXPECT_EQ(internal::ReadText(Write("flipped.gz", flipped)).status().code(), Code::kDataLoss);
}

TEST_F(Unpack, ASmallFileThatWouldFillTheMemoryIsRefused) {
  const std::string zeros(size_t{100} << 20, '\0');
  const std::string packed = Zstd(zeros);
  ASSERT_LT(packed.size(), 64u << 10);
  const Status bomb = internal::ReadText(Write("bomb.csv.zst", packed)).status();
  EXPECT_EQ(bomb.code(), Code::kResourceExhausted) << bomb.ToString();
  EXPECT_NE(bomb.message().find("1000 times its compressed size"), std::string::npos) << bomb.message();
  EXPECT_EQ(internal::ReadText(Write("small.csv.zst", Zstd(zeros.substr(0, 1 << 20)))).value().size(),
            1u << 20);
}

TEST_F(Unpack, ACompressedParquetFileIsRefused) {
  Write("a.parquet.gz", Gzip("PAR1"));
  const Status refused = ReadSource(spec_).status();
  EXPECT_EQ(refused.code(), Code::kInvalidArgument);
  EXPECT_NE(refused.message().find("compressed within itself"), std::string::npos) << refused.message();
}

}  // namespace
}  // namespace millrace::source
