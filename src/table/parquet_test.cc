// The oracle of reading is Arrow's own writer, that of writing Arrow's reader.
#include "table/parquet.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <gtest/gtest.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/file.h"

namespace millrace {
namespace {

using ArrowArray = std::shared_ptr<arrow::Array>;

template <typename Builder, typename T>
ArrowArray Array(std::shared_ptr<arrow::DataType> type, const std::vector<std::optional<T>>& values) {
  Builder builder(std::move(type), arrow::default_memory_pool());
  for (const std::optional<T>& value : values) {
    EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  }
  return builder.Finish().ValueOrDie();
}

template <typename Builder, typename T>
ArrowArray Array(const std::vector<std::optional<T>>& values) {
  Builder builder;
  for (const std::optional<T>& value : values) {
    EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  }
  return builder.Finish().ValueOrDie();
}

void WriteArrow(const std::string& path, const std::vector<std::pair<std::string, ArrowArray>>& columns,
                int64_t group_rows = 1 << 20, bool nullable = true) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type(), nullable));
    arrays.push_back(array);
  }
  const auto table = arrow::Table::Make(arrow::schema(fields), arrays);
  const auto sink = arrow::io::FileOutputStream::Open(path).ValueOrDie();
  const auto status = parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), sink, group_rows);
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_TRUE(sink->Close().ok());
}

class Parquet : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }
  // Reads a file of one column and gives its values.
  Result<std::vector<Value>> ReadOne(const ArrowArray& array, const ParquetReadOptions& options = {},
                                     bool nullable = true) {
    WriteArrow(Path("one.parquet"), {{"x", array}}, 3, nullable);
    MR_ASSIGN_OR_RETURN(const Table table, ReadParquet(Path("one.parquet"), options));
    std::vector<Value> values;
    for (size_t i = 0; i < table.num_rows(); ++i) values.push_back(table.column(0).Get(i));
    return values;
  }

  TempDirectory directory_;
};

using Values = std::vector<Value>;

TEST_F(Parquet, IntegersOfEveryWidthAreInt64) {
  const Values expected = {int64_t{-128}, Null{}, int64_t{127}, int64_t{0}, Null{}};
  EXPECT_EQ((ReadOne(Array<arrow::Int8Builder, int8_t>({-128, {}, 127, 0, {}})).value()), expected);
  EXPECT_EQ((ReadOne(Array<arrow::UInt32Builder, uint32_t>({4294967295u})).value()),
            Values({int64_t{4294967295}}));
  EXPECT_EQ((ReadOne(Array<arrow::Int16Builder, int16_t>({-32768})).value()), Values({int64_t{-32768}}));
  EXPECT_EQ((ReadOne(Array<arrow::UInt8Builder, uint8_t>({255}), {}, /*nullable=*/false).value()),
            Values({int64_t{255}}));
  const int64_t big = (int64_t{1} << 53) + 1;
  EXPECT_EQ(
      (ReadOne(Array<arrow::Int64Builder, int64_t>({big, {}, std::numeric_limits<int64_t>::min()})).value()),
      Values({big, Null{}, std::numeric_limits<int64_t>::min()}));
}

TEST_F(Parquet, AnUnsignedAboveTheLargestInt64IsRefusedByName) {
  EXPECT_EQ((ReadOne(Array<arrow::UInt64Builder, uint64_t>({9223372036854775807u})).value()),
            Values({std::numeric_limits<int64_t>::max()}));
  const Status status =
      ReadOne(Array<arrow::UInt64Builder, uint64_t>({uint64_t{1}, {}, 9223372036854775808u})).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("column 'x': the unsigned 9223372036854775808"), std::string::npos)
      << status.message();
}

TEST_F(Parquet, FloatsWidenAndNanIsNotNull) {
  const Values read = ReadOne(Array<arrow::FloatBuilder, float>({0.1f, {}, NAN})).value();
  EXPECT_EQ(read[0], Value(double{0.1f}));
  EXPECT_EQ(read[1], Value(Null{}));
  EXPECT_TRUE(std::isnan(std::get<double>(read[2])));
}

TEST_F(Parquet, TextComesPlainLargeAndFromDictionaries) {
  const Values expected = {std::string("ä"), Null{}, std::string(), std::string("b")};
  EXPECT_EQ((ReadOne(Array<arrow::StringBuilder, std::string>({"ä", {}, "", "b"})).value()), expected);
  EXPECT_EQ((ReadOne(Array<arrow::LargeStringBuilder, std::string>({"ä", {}, "", "b"})).value()), expected);
  EXPECT_EQ((ReadOne(Array<arrow::StringDictionaryBuilder, std::string>({"ä", {}, "", "b"})).value()),
            expected);
}

TEST_F(Parquet, BytesThatAreNoTextAreRefused) {
  const Status status = ReadOne(Array<arrow::BinaryBuilder, std::string>({"ok", "\xff\xfe"})).status();
  EXPECT_NE(status.message().find("not UTF-8"), std::string::npos) << status.message();
}

TEST_F(Parquet, BooleansKeepTheirNulls) {
  EXPECT_EQ((ReadOne(Array<arrow::BooleanBuilder, bool>({true, {}, false, {}, {}})).value()),
            Values({true, Null{}, false, Null{}, Null{}}));
}

TEST_F(Parquet, TimestampsOfEveryUnitAreMicroseconds) {
  const auto stamp = [&](arrow::TimeUnit::type unit, int64_t value) {
    return ReadOne(Array<arrow::TimestampBuilder, int64_t>(arrow::timestamp(unit, "UTC"), {value}));
  };
  EXPECT_EQ(stamp(arrow::TimeUnit::SECOND, -1).value(), Values({EventTime{-1'000'000}}));
  EXPECT_EQ(stamp(arrow::TimeUnit::MILLI, 1).value(), Values({EventTime{1000}}));
  EXPECT_EQ(stamp(arrow::TimeUnit::MICRO, 1).value(), Values({EventTime{1}}));
  EXPECT_EQ(stamp(arrow::TimeUnit::NANO, -5000).value(), Values({EventTime{-5}}));
  EXPECT_NE(stamp(arrow::TimeUnit::NANO, 1001).status().message().find("no whole microsecond"),
            std::string::npos);
  EXPECT_NE(stamp(arrow::TimeUnit::MILLI, int64_t{1} << 62).status().message().find("beyond the years"),
            std::string::npos);
}

TEST_F(Parquet, TimesWithoutAZoneAreReadInTheGivenOneAndOthersAreNot) {
  const ParquetReadOptions zurich{.time_zone = TimeZone::Load("Europe/Zurich").value()};
  const int64_t local = 1'532'476'800'000'000;  // 2018-07-25T00:00:00 on the wall, +02:00
  const auto naive =
      Array<arrow::TimestampBuilder, int64_t>(arrow::timestamp(arrow::TimeUnit::MICRO), {local, {}});
  const auto zoned =
      Array<arrow::TimestampBuilder, int64_t>(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), {local, {}});
  EXPECT_EQ(ReadOne(naive, zurich).value(), Values({EventTime{local - 7'200'000'000}, Null{}}));
  EXPECT_EQ(ReadOne(naive).value(), Values({EventTime{local}, Null{}}));
  EXPECT_EQ(ReadOne(zoned, zurich).value(), Values({EventTime{local}, Null{}}));
  const auto date = Array<arrow::Date32Builder, int32_t>({17737});
  EXPECT_EQ(ReadOne(date).value(), Values({EventTime{local}}));
}

TEST_F(Parquet, DecimalsAndNestedColumnsAreRefusedUnlessLeftOut) {
  auto list = std::make_shared<arrow::ListBuilder>(arrow::default_memory_pool(),
                                                   std::make_shared<arrow::Int64Builder>());
  ASSERT_TRUE(list->Append().ok());
  arrow::Decimal128Builder decimal(arrow::decimal128(10, 2));
  ASSERT_TRUE(decimal.Append(arrow::Decimal128(100)).ok());
  WriteArrow(Path("odd.parquet"), {{"list", list->Finish().ValueOrDie()},
                                   {"price", decimal.Finish().ValueOrDie()},
                                   {"x", Array<arrow::Int64Builder, int64_t>({7})}});
  EXPECT_NE(ReadParquetSchema(Path("odd.parquet")).status().message().find("'list' is a nested type"),
            std::string::npos);
  const Status price = ReadParquet(Path("odd.parquet"), {.columns = {"x", "price"}}).status();
  EXPECT_NE(price.message().find("column 'price' is Decimal"), std::string::npos) << price.message();
  EXPECT_EQ(ReadParquet(Path("odd.parquet"), {.columns = {"x"}}).value().column(0).Get(0), Value(int64_t{7}));
}

TEST_F(Parquet, FilesAreReadInOrderWhateverTheirRowGroupsAndThreads) {
  std::vector<std::optional<int64_t>> ids;
  std::vector<std::optional<std::string>> names;
  std::vector<std::string> paths;
  for (int file = 0; file < 3; ++file) {
    ids.clear();
    names.clear();
    for (int64_t i = 0; i < 10'000; ++i) {
      ids.push_back(file * 10'000 + i);
      names.push_back(i % 7 == 0 ? std::nullopt : std::make_optional(std::to_string(i)));
    }
    paths.push_back(Path(std::to_string(file)));
    WriteArrow(paths.back(),
               {{"id", Array<arrow::Int64Builder, int64_t>(ids)},
                {"name", Array<arrow::StringBuilder, std::string>(names)}},
               1000 + file);
  }
  for (const int threads : {1, 2, 5}) {
    const Table table = ReadParquetFiles(paths, {.columns = {"name", "id"}, .threads = threads}).value();
    ASSERT_EQ(table.num_rows(), 30'000u);
    for (size_t i = 0; i < 30'000; ++i) {
      ASSERT_EQ(table.column(1).ints()[i], static_cast<int64_t>(i));
      ASSERT_EQ(table.column(0).IsNull(i), i % 10'000 % 7 == 0);
      if (table.column(0).IsNull(i)) continue;
      ASSERT_EQ(table.column(0).String(i), std::to_string(i % 10'000));
    }
  }
}

TEST_F(Parquet, TheRowsOfEachFileAreThoseThatWereReadThoughItWasReplacedMeanwhile) {
  const auto write = [&](const std::string& name, size_t rows) {
    const Table table =
        Table::Create(Schema({{"id", DataType::kInt64}}), {Column::Nulls(DataType::kInt64, rows)}).value();
    ASSERT_TRUE(WriteParquet(Path(name), table).ok());
  };
  write("a", 10);
  write("b", 20);
  ParquetReadOptions options{.threads = 1};
  options.progress = [&](int64_t, int64_t) { write("b", 50); };
  const ParquetParts parts =
      ReadParquetParts(std::vector<std::string>{Path("a"), Path("b")}, options).value();
  EXPECT_EQ(parts.rows, (std::vector<int64_t>{10, 20}));
  EXPECT_EQ(parts.table.num_rows(), 30U);
}

TEST_F(Parquet, FilesThatDisagreeNameFileColumnAndTypes) {
  WriteArrow(Path("a"), {{"x", Array<arrow::Int64Builder, int64_t>({1})}});
  WriteArrow(Path("b"), {{"x", Array<arrow::DoubleBuilder, double>({1})}});
  WriteArrow(Path("c"), {{"y", Array<arrow::Int64Builder, int64_t>({1})}});
  const std::string ab = ReadParquetFiles(std::vector<std::string>{Path("a"), Path("b")}).status().message();
  EXPECT_NE(ab.find("b: column 'x' is double, but in"), std::string::npos) << ab;
  EXPECT_NE(ab.find("it is int64"), std::string::npos) << ab;
  const std::string ac = ReadParquetFiles(std::vector<std::string>{Path("a"), Path("c")}).status().message();
  EXPECT_NE(ac.find("c has a column 'y' (int64)"), std::string::npos) << ac;
}

TEST_F(Parquet, MissingEmptyTruncatedAndForeignFilesGiveASentence) {
  WriteArrow(Path("good"), {{"x", Array<arrow::Int64Builder, int64_t>({1, 2, 3})}});
  const std::string bytes = ReadFile(Path("good")).value();
  EXPECT_EQ(ReadParquet(Path("none")).status().code(), Code::kNotFound);
  EXPECT_EQ(ReadParquet(directory_.path()).status().code(), Code::kInvalidArgument);
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::ofstream(Path("cut"), std::ios::binary) << bytes.substr(0, size);
    const Status status = ReadParquet(Path("cut")).status();
    ASSERT_EQ(status.code(), Code::kDataLoss) << size << ": " << status.ToString();
  }
  std::ofstream(Path("text")) << "id,name\n1,a\n";
  EXPECT_NE(ReadParquet(Path("text")).status().message().find("no Parquet file"), std::string::npos);
}

TEST_F(Parquet, NoFlippedByteCrashesAndOnesInOurOwnPagesAreFound) {
  const Table table =
      Table::Create(Schema({{"x", DataType::kInt64}, {"s", DataType::kString}}),
                    {Column::Ints({1, 2, 3, 4}, {1, 0, 1, 1}), Column::Strings({0, 1, 2, 3, 4}, "abcd")})
          .value();
  ASSERT_TRUE(WriteParquet(Path("good"), table, {.compression = ParquetCompression::kNone}).ok());
  const std::string bytes = ReadFile(Path("good")).value();
  const size_t data = bytes.find("abcd") == std::string::npos ? bytes.find("a\x01") : bytes.find("abcd");
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x41);
    std::ofstream(Path("flipped"), std::ios::binary) << flipped;
    const Result<Table> read = ReadParquet(Path("flipped"), {.max_rows = 1'000'000});
    EXPECT_TRUE(at != data || !read.ok());
  }
}

TEST_F(Parquet, MoreRowsThanAllowedAreRefusedBeforeMemoryIsTaken) {
  WriteArrow(Path("good"), {{"x", Array<arrow::Int64Builder, int64_t>({1, 2, 3})}});
  EXPECT_EQ(ReadParquet(Path("good"), {.max_rows = 2}).status().code(), Code::kResourceExhausted);
}

TEST_F(Parquet, WhatIsWrittenIsReadBackByArrowAndByUs) {
  const Table table =
      Table::Create(Schema({{"i", DataType::kInt64},
                            {"d", DataType::kDouble},
                            {"s", DataType::kString},
                            {"b", DataType::kBool},
                            {"t", DataType::kTimestamp}}),
                    {Column::Ints({std::numeric_limits<int64_t>::max(), 0, 3}, {1, 0, 1}),
                     Column::Doubles({0.1, -0.0, NAN}), Column::Strings({0, 2, 2, 3}, "äx", {1, 0, 1}),
                     Column::Bools({1, 0, 0}, {1, 1, 0}), Column::Timestamps({-1, 0, 5}, {1, 1, 0})})
          .value();
  for (const auto compression :
       {ParquetCompression::kNone, ParquetCompression::kSnappy, ParquetCompression::kZstd}) {
    ASSERT_TRUE(WriteParquet(Path("t"), table, {.compression = compression, .row_group_rows = 2}).ok());
    const Table back = ReadParquet(Path("t")).value();
    ASSERT_EQ(back.schema(), table.schema());
    for (size_t c = 0; c < table.num_columns(); ++c) {
      for (size_t i = 0; i < 3; ++i) {
        if (c == 1 && i == 2) continue;
        EXPECT_EQ(back.column(c).Get(i), table.column(c).Get(i)) << c << " " << i;
      }
    }
    EXPECT_TRUE(std::isnan(back.column(1).doubles()[2]));
    EXPECT_TRUE(std::signbit(back.column(1).doubles()[1]));
    EXPECT_EQ(ListDirectory(directory_.path()).value(), std::vector<std::string>{"t"});
  }
  const auto file = arrow::io::ReadableFile::Open(Path("t")).ValueOrDie();
  const auto reader = parquet::arrow::OpenFile(file, arrow::default_memory_pool()).ValueOrDie();
  std::shared_ptr<arrow::Table> theirs = reader->ReadTable().ValueOrDie();
  EXPECT_EQ(theirs->schema()->field(4)->type()->ToString(), "timestamp[us, tz=UTC]");
  EXPECT_EQ(theirs->GetColumnByName("s")->GetScalar(0).ValueOrDie()->ToString(), "ä");
  EXPECT_FALSE(theirs->GetColumnByName("i")->GetScalar(1).ValueOrDie()->is_valid);
}

TEST_F(Parquet, AnUnwritablePlaceIsAnError) {
  const Table table = Table::Create(Schema({{"i", DataType::kInt64}}), {Column::Ints({1})}).value();
  EXPECT_FALSE(WriteParquet(Path("none/t"), table).ok());
  EXPECT_FALSE(WriteParquet(Path("t"), Table()).ok());
}

}  // namespace
}  // namespace millrace
