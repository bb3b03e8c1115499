#include "source/source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/file.h"
#include "table/parquet.h"

namespace millrace::source {
namespace {

using std::chrono::hours;

class Source : public testing::Test {
 protected:
  Source() {
    spec_.files = resource::FilesSource{};
    spec_.files->paths = {directory_.path() + "/*"};
    spec_.event_time = "at";
    spec_.event_id = "id";
  }

  std::string Write(const std::string& name, const std::string& bytes) {
    const std::string path = directory_.path() + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  void Declare(const std::string& name, std::optional<DataType> type,
               std::optional<Micros> known_after = {}) {
    spec_.columns.push_back({.name = name, .type = type, .known_after = known_after});
  }
  // "id,at,…" rows of the events, one a line, without times' common beginning.
  static std::string Shown(const Table& table) {
    std::string text;
    for (size_t i = 0; i < table.num_rows(); ++i) {
      for (size_t c = 0; c < table.num_columns(); ++c) {
        std::string value = ToText(table.column(c).Get(i));
        if (value.starts_with("2018-07-25T")) value = value.substr(11);
        text += (c == 0 ? "" : " ") + value;
      }
      text += "\n";
    }
    return text;
  }
  std::string Events() {
    Result<SourceRows> rows = ReadSource(spec_);
    if (!rows.ok()) return rows.status().ToString();
    rows_ = std::move(rows).value();
    EXPECT_EQ(rows_.rows_read, static_cast<int64_t>(rows_.events.num_rows() + rows_.dead_letters.num_rows()) +
                                   rows_.duplicates);
    return Shown(rows_.events);
  }
  // "file:row reason" of each dead letter.
  std::string Dead() const {
    std::string text;
    for (size_t i = 0; i < rows_.dead_letters.num_rows(); ++i) {
      const std::string file(rows_.dead_letters.column(0).String(i));
      text += file.substr(file.rfind('/') + 1) + ":" + ToText(rows_.dead_letters.column(1).Get(i)) + " " +
              std::string(rows_.dead_letters.column(2).String(i)) + "\n";
    }
    return text;
  }
  std::string Failure() { return ReadSource(spec_).status().message(); }

  TempDirectory directory_;
  resource::DataSourceSpec spec_;
  SourceRows rows_;
};

TEST_F(Source, CsvRowsAreTypedAndBadOnesDeadLetteredWithFileRowAndReason) {
  Write("a.csv",
        "id,at,amount,code\n"
        "1,2018-07-25 00:00:01,1.5,007\n"
        "x,2018-07-25 00:00:02,1,a\n"
        "3,2018-07-25 00:00:03,,\"\"\n"
        "4,2018-07-25 00:00:04\n"
        "5,,1,b\n"
        "6,never,1,b\n");
  Declare("id", DataType::kInt64);
  EXPECT_EQ(Events(), "1 00:00:01Z 1.5 '007'\n3 00:00:03Z null ''\n");
  EXPECT_EQ(Dead(),
            "a.csv:2 column 'id': 'x' is no int64\n"
            "a.csv:4 the row has 2 fields, but the header 4\n"
            "a.csv:6 column 'at': 'never' is not a time: write it as 2018-07-25T13:30:00Z or 2018-07-25\n"
            "a.csv:5 the event has no event time\n");
  EXPECT_EQ(rows_.dead_letters.column(3).String(0), "x,2018-07-25 00:00:02,1,a");
}

TEST_F(Source, JsonLinesKeepLargeIntegersAndNameUnknownFields) {
  Write("a.jsonl",
        "{\"id\": 9007199254740993, \"at\": \"2018-07-25T00:00:01Z\", \"ok\": true}\n"
        "\n"
        "{\"id\": 2, \"at\": \"2018-07-25T00:00:02Z\", \"ok\": null}\n"
        "{\"id\": 3.5, \"at\": \"2018-07-25T00:00:03Z\"}\n"
        "{\"id\": 4, \"at\": \n"
        "[]\n");
  Declare("id", DataType::kInt64);
  EXPECT_EQ(Events(), "00:00:01Z 9007199254740993 true\n00:00:02Z 2 null\n");
  EXPECT_EQ(rows_.dead_letters.num_rows(), 3u);
  EXPECT_EQ(Dead().substr(0, Dead().find('\n')), "a.jsonl:3 column 'id': '3.5' is no int64");
}

TEST_F(Source, RowsAreOrderedByTimeThenIdAndRowsWithoutAnIdComeLast) {
  Write("a.csv",
        "id,at\n"
        "9,2018-07-25 00:00:01\n"
        ",2018-07-25 00:00:01\n"
        "10,2018-07-25 00:00:01\n"
        "1,2018-07-25 00:00:02\n"
        "2,2018-07-25 00:00:00\n");
  EXPECT_EQ(Events(), "2 00:00:00Z\n9 00:00:01Z\n10 00:00:01Z\nnull 00:00:01Z\n1 00:00:02Z\n");
}

TEST_F(Source, TheSameEventTwiceCountsOnceAndLaterColumnsAreFilledIn) {
  Declare("label", DataType::kInt64, hours(168));
  Write("1.csv",
        "id,at,label\n"
        "1,2018-07-25 00:00:01,\n"
        "2,2018-07-25 00:00:02,\n"
        "3,2018-07-25 00:00:03,0\n");
  Write("2.csv",
        "label,id,at\n"
        "1,1,2018-07-25 00:00:01\n"
        ",2,2018-07-25 00:00:02\n"
        "1,3,2018-07-25 00:00:03\n"
        ",3,2018-07-25 00:00:03\n"
        "1,2,2018-07-25 00:00:09\n");
  EXPECT_EQ(Events(), "1 00:00:01Z 1\n2 00:00:02Z null\n3 00:00:03Z 1\n");
  EXPECT_EQ(rows_.duplicates, 4);
  EXPECT_EQ(
      Dead(),
      "2.csv:5 an event with the same id has 'at' 2018-07-25T00:00:02Z, but this one 2018-07-25T00:00:09Z\n");
}

TEST_F(Source, EventsWithoutAnIdColumnAreNeverTheSame) {
  spec_.event_id = "";
  Write("a.csv", "id,at\n1,2018-07-25\n1,2018-07-25\n");
  EXPECT_EQ(Events(), "1 00:00:00Z\n1 00:00:00Z\n");
}

TEST_F(Source, ParquetColumnsAreCastExactlyToTheirDeclaredTypes) {
  const Table table = Table::Create(Schema({{"id", DataType::kDouble}, {"at", DataType::kTimestamp}}),
                                    {Column::Doubles({2, 1.5, 3}, {1, 1, 0}), Column::Timestamps({5, 6, 7})})
                          .value();
  ASSERT_TRUE(WriteParquet(directory_.path() + "/a.parquet", table).ok());
  Declare("id", DataType::kInt64);
  EXPECT_EQ(Events(), "2 1970-01-01T00:00:00.000005Z\nnull 1970-01-01T00:00:00.000007Z\n");
  EXPECT_EQ(Dead(), "a.parquet:2 column 'id': 1.5 is no int64\n");
  EXPECT_EQ(InspectSource(spec_).value(), Schema({{"id", DataType::kInt64}, {"at", DataType::kTimestamp}}));
}

TEST_F(Source, TheSqlStepSeesTheRowsAndItsResultHasTheDeclaredTypes) {
  Write("a.csv", "user,seconds,price\nu,1532476801,1.25\nv,1532476800,2.5\n");
  spec_.files->sql =
      "SELECT row_number() OVER (ORDER BY seconds) AS id, make_timestamp(seconds * 1000000) AS at, "
      "upper(\"user\") AS "
      "who, price * 2 AS double_price, 0.5 AS half FROM files WHERE price > 0; ";
  Declare("id", DataType::kInt64);
  EXPECT_EQ(Events(), "1 00:00:00Z 'V' 5 0.5\n2 00:00:01Z 'U' 2.5 0.5\n");
  EXPECT_EQ(InspectSource(spec_).value().fields().back(), (Field{"half", DataType::kDouble}));
}

TEST_F(Source, TheSqlStepReachesNothingButItsRows) {
  const std::string path = Write("a.csv", "id,at\n1,2018-07-25\n");
  for (const std::string& sql :
       {"SELECT * FROM read_csv('" + path + "')", "SELECT * FROM '" + path + "'",
        std::string("SELECT * FROM files; DROP TABLE files"), std::string("DROP TABLE files"),
        std::string("COPY files TO '/tmp/x'"), std::string("INSTALL httpfs"), std::string("SELEC 1"),
        std::string("SELECT getenv('HOME') AS id, now() AS at"),
        std::string("SET enable_external_access = true"), std::string(""),
        std::string("SELECT id, [1] AS at FROM files")}) {
    spec_.files->sql = sql.empty() ? " " : sql;
    const Status status = ReadSource(spec_).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << sql << ": " << status.ToString();
    EXPECT_NE(status.message().find("files.sql"), std::string::npos) << status.message();
  }
}

TEST_F(Source, AnEndlessSqlStepIsEndedAtItsLimitAndAtAStop) {
  Write("a.csv", "id,at\n1,2018-07-25\n");
  spec_.files->sql =
      "WITH RECURSIVE forever AS (SELECT 1 AS n UNION ALL SELECT n % 7 + 1 FROM forever) "
      "SELECT max(n) AS id, now() AS at FROM forever";
  const Status late = ReadSource(spec_, {.sql_time_limit = std::chrono::milliseconds(300)}).status();
  EXPECT_EQ(late.code(), Code::kInvalidArgument) << late.ToString();
  EXPECT_NE(late.message().find("within its limit of 300ms"), std::string::npos) << late.message();

  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(ReadSource(spec_, {.stop = stop.get_token()}).status().code(), Code::kCancelled);
}

TEST_F(Source, TheSqlStepIsNotRunToKnowItsColumns) {
  Write("a.csv", "id,at,price\n1,2018-07-25,1.5\n");
  spec_.files->sql =
      "WITH RECURSIVE forever AS (SELECT 1 AS n UNION ALL SELECT n % 7 + 1 FROM forever) "
      "SELECT (SELECT max(n) FROM forever) AS id, \"at\", price AS \"the price\" FROM files;";
  Declare("id", DataType::kInt64);
  EXPECT_EQ(InspectSource(spec_).value().fields().back(), (Field{"the price", DataType::kDouble}));
  spec_.files->sql =
      "SELECT (SELECT count(*) FROM range(100000000000000)) AS id, \"at\", price * 2 FROM files -- x";
  const Result<Schema> schema = InspectSource(spec_);
  ASSERT_TRUE(schema.ok()) << schema.status().ToString();
  EXPECT_EQ(
      *schema,
      Schema({{"id", DataType::kInt64}, {"at", DataType::kTimestamp}, {"(price * 2)", DataType::kDouble}}));
  for (const char* wrong : {"SELECT id, \"at\" FROM fils", "SELECT $1 AS id, \"at\" FROM files",
                            "DROP TABLE files", "SELECT id, \"at\" FROM files; SELECT 1",
                            "SELECT id, [1] AS \"at\" FROM files", "SELECT * FROM read_csv('/etc/passwd')"}) {
    spec_.files->sql = wrong;
    const Status status = InspectSource(spec_).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << wrong << ": " << status.ToString();
    EXPECT_NE(status.message().find("files.sql"), std::string::npos) << status.message();
  }
}

TEST_F(Source, WrongNamesAreAnsweredWithTheNearest) {
  Write("a.csv", "id,at,amount\n1,2018-07-25,5\n");
  spec_.event_time = "att";
  EXPECT_NE(Failure().find("eventTime: the data has no column 'att'; did you mean 'at'?"), std::string::npos)
      << Failure();
  spec_.event_time = "amount";
  EXPECT_NE(Failure().find("is int64, but an event time is a timestamp"), std::string::npos) << Failure();
  spec_.event_time = "at";
  Declare("amuont", std::nullopt, hours(1));
  EXPECT_NE(Failure().find("columns: the data has no column 'amuont'; did you mean 'amount'?"),
            std::string::npos);
  EXPECT_EQ(InspectSource(spec_).status().message(), Failure());
}

TEST_F(Source, FilesThatAreMissingMixedOrOfNoKnownFormatAreNamed) {
  EXPECT_EQ(ReadSource(spec_).status().code(), Code::kNotFound);
  spec_.files->paths = {directory_.path() + "/none/*.csv"};
  EXPECT_NE(Failure().find("there is no folder"), std::string::npos) << Failure();
  spec_.files->paths = {directory_.path() + "/*"};
  Write("a.csv", "id,at\n1,2018-07-25\n");
  Write("b.jsonl", "{}\n");
  EXPECT_NE(Failure().find("of different formats"), std::string::npos) << Failure();
  spec_.files->paths = {Write("a.xlsx", "x")};
  EXPECT_NE(Failure().find("set files.format"), std::string::npos) << Failure();
  spec_.files->paths = {Write("empty.csv", "")};
  EXPECT_NE(Failure().find("is empty"), std::string::npos) << Failure();
  spec_.files.reset();
  EXPECT_EQ(ReadSource(spec_).status().code(), Code::kFailedPrecondition);
}

TEST_F(Source, EmptyTruncatedAndDisagreeingParquetFilesAreNamed) {
  const auto write = [&](const std::string& name, Column ids) {
    const Field id{"id", ids.type()};
    const Table table =
        Table::Create(Schema({id, {"at", DataType::kTimestamp}}), {std::move(ids), Column::Timestamps({5})})
            .value();
    EXPECT_TRUE(WriteParquet(directory_.path() + "/" + name, table).ok());
  };
  write("a.parquet", Column::Ints({1}));
  write("b.parquet", Column::Doubles({1}));
  EXPECT_NE(Failure().find("b.parquet: column 'id' is double, but in"), std::string::npos) << Failure();
  const std::string bytes = ReadFile(directory_.path() + "/a.parquet").value();
  Write("b.parquet", bytes.substr(0, bytes.size() / 2));
  EXPECT_EQ(ReadSource(spec_).status().code(), Code::kDataLoss);
  EXPECT_NE(Failure().find("b.parquet is damaged or no Parquet file"), std::string::npos) << Failure();
  Write("b.parquet", "");
  EXPECT_NE(Failure().find("b.parquet is empty"), std::string::npos) << Failure();
}

TEST_F(Source, AParquetFileReplacedWhileItIsReadIsToBeReadAgain) {
  const Table table = Table::Create(Schema({{"id", DataType::kInt64}, {"at", DataType::kTimestamp}}),
                                    {Column::Ints({1}), Column::Timestamps({5})})
                          .value();
  const std::string path = directory_.path() + "/a.parquet";
  ASSERT_TRUE(WriteParquet(path, table).ok());
  bool replaced = false;
  SourceReadOptions options;
  options.progress = [&](const ReadProgress&) {
    EXPECT_TRUE(std::exchange(replaced, true) || WriteParquet(path, table).ok());
  };
  EXPECT_EQ(ReadSource(spec_, options).status().code(), Code::kUnavailable);
  EXPECT_TRUE(ReadSource(spec_).ok());
}

TEST_F(Source, AllOfTheFraudDataIsReadInOrder) {
  const char* given = std::getenv("MILLRACE_SHARED");
  const std::string shared = given != nullptr ? given : std::string(MILLRACE_SOURCE_DIR) + "/../shared";
  if (!FileExists(shared + "/data/fraud"))
    GTEST_SKIP() << "the fraud data is not at " << shared << "/data/fraud";
  spec_.files->paths = {shared + "/data/fraud/*.parquet"};
  spec_.event_time = "tx_datetime";
  spec_.event_id = "transaction_id";
  const SourceRows rows = ReadSource(spec_).value();
  ASSERT_EQ(rows.events.num_rows(), 1'754'155u);
  EXPECT_EQ(rows.dead_letters.num_rows(), 0u);
  const auto times = rows.events.Find("tx_datetime").value().ints();
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  const auto frauds = rows.events.Find("tx_fraud").value().ints();
  EXPECT_EQ(std::count(frauds.begin(), frauds.end(), 1), 14'681);
}

TEST_F(Source, CsvFilesWhoseColumnsDisagreeAreNamed) {
  Write("a.csv", "id,at\n1,2018-07-25\n");
  Write("b.csv", "id,at,x\n1,2018-07-25,1\n");
  EXPECT_NE(Failure().find("a.csv has no column 'x'"), std::string::npos) << Failure();
}

TEST_F(Source, AHeaderAloneIsASourceWithoutEvents) {
  Write("a.csv", "id,at\n");
  EXPECT_EQ(Events(), "");
  EXPECT_EQ(rows_.events.schema(), Schema({{"id", DataType::kString}, {"at", DataType::kTimestamp}}));
  EXPECT_EQ(rows_.dead_letters.schema(), DeadLetterSchema());
}

TEST_F(Source, LocalTimesAreInTheSourcesZoneInFilesAndInSql) {
  spec_.time_zone = "Europe/Zurich";
  if (!TimeZone::Load(spec_.time_zone).ok()) GTEST_SKIP() << "the package tzdata is not installed";
  Write("a.csv", "id,at\n1,2018-07-25 02:00:00\n2,2018-07-25T00:00:01Z\n");
  EXPECT_EQ(Events(), "1 00:00:00Z\n2 00:00:01Z\n");
  spec_.files->sql =
      "SELECT id, hour(\"at\") AS local_hour, make_timestamp(2018, 7, 25, 2, 0, 0) AS at FROM files ORDER BY "
      "id";
  EXPECT_EQ(Events(), "1 2 00:00:00Z\n2 2 00:00:00Z\n");
}

TEST_F(Source, AFileChangedWhileItIsReadIsToBeReadAgain) {
  const std::string path = Write("a.csv", "id,at\n1,2018-07-25\n");
  bool changed = false;
  SourceReadOptions options;
  options.progress = [&](const ReadProgress&) {
    if (!std::exchange(changed, true)) std::ofstream(path, std::ios::app) << "2,2018-07-26\n";
  };
  const Status status = ReadSource(spec_, options).status();
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.ToString();
  EXPECT_TRUE(ReadSource(spec_).ok());
}

TEST_F(Source, TheFingerprintFollowsFilesAndDefinition) {
  Write("a.csv", "id,at\n1,2018-07-25\n");
  const std::string first = Fingerprint(spec_).value().digest;
  EXPECT_EQ(Fingerprint(spec_).value().digest, first);
  spec_.lateness = hours(1);  // does not change what is read
  EXPECT_EQ(Fingerprint(spec_).value().digest, first);
  spec_.time_zone = "+01:00";
  EXPECT_NE(Fingerprint(spec_).value().digest, first);
  spec_.time_zone = "UTC";
  Write("b.csv", "id,at\n");
  EXPECT_NE(Fingerprint(spec_).value().digest, first);
}

TEST_F(Source, ProgressEndsAtAllRowsAndBytes) {
  const std::string path = Write("a.csv", "id,at\n1,2018-07-25\n2,2018-07-25\n");
  ReadProgress last;
  ASSERT_TRUE(ReadSource(spec_, {.progress = [&](const ReadProgress& now) { last = now; }}).ok());
  EXPECT_EQ(last.rows, 2);
  EXPECT_EQ(last.bytes, last.total_bytes);
}

}  // namespace
}  // namespace millrace::source
