#include <gtest/gtest.h>

#include "base/file.h"
#include "source/source.h"
#include "table/parquet.h"

namespace millrace::source {
namespace {

class SourceFiles : public testing::Test {
 protected:
  SourceFiles() {
    spec_.event_time = "at";
    spec_.files.emplace();
    spec_.files->paths = {directory_.path() + "/*"};
  }
  void WriteOne(const std::string& name, const Schema& schema) {
    std::vector<Column> columns;
    for (const Field& field : schema.fields()) columns.push_back(Column::Nulls(field.type, 1));
    ASSERT_TRUE(
        WriteParquet(directory_.path() + "/" + name, Table::Create(schema, std::move(columns)).value()).ok());
  }

  TempDirectory directory_;
  resource::DataSourceSpec spec_;
};

const Field kAt{"at", DataType::kTimestamp};
const Field kAmount{"amount", DataType::kDouble};

TEST_F(SourceFiles, EveryParquetFileIsLookedIntoAtInspection) {
  for (int i = 0; i < 80; ++i) WriteOne(fmt::format("part-{:03}.parquet", i), Schema({kAt, kAmount}));
  WriteOne("part-080.parquet", Schema({kAmount, kAt}));
  EXPECT_EQ(InspectSource(spec_).value(), Schema({kAt, kAmount})) << "columns may be in any order";
  const struct {
    Schema schema;
    std::string says;
  } cases[] = {
      {Schema({kAt, {"amount", DataType::kInt64}}), "column 'amount' is int64, but in "},
      {Schema({kAt}), "has no column 'amount' (double), which "},
      {Schema({kAt, kAmount, {"more", DataType::kBool}}), "has a column 'more' (bool), which "},
  };
  for (const auto& [schema, says] : cases) {
    SCOPED_TRACE(says);
    WriteOne("part-077.parquet", schema);
    const Status inspected = InspectSource(spec_).status();
    EXPECT_EQ(inspected.code(), Code::kInvalidArgument) << inspected.ToString();
    EXPECT_NE(inspected.message().find("part-077.parquet"), std::string::npos) << inspected.message();
    EXPECT_NE(inspected.message().find(says), std::string::npos) << inspected.message();
    EXPECT_EQ(ReadSource(spec_).status().message(), inspected.message()) << "reading says the same";
  }
}

}  // namespace
}  // namespace millrace::source
