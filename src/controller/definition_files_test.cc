#include <gtest/gtest.h>

#include "base/file.h"
#include "controller/definition_check.h"
#include "resource/admit.h"
#include "resource/validate.h"
#include "table/parquet.h"

namespace millrace::controller {
namespace {

TEST(CheckDefinitions, LooksIntoManyParquetFilesOfWhichTheFootersSayEnough) {
  const TempDirectory folder;
  const std::string yaml = folder.path() + "/f.yaml";
  const auto write = [&](int file, DataType amount) {
    const Schema schema({{"time", DataType::kTimestamp}, {"customer", DataType::kInt64}, {"amount", amount}});
    std::vector<Column> columns;
    for (const Field& field : schema.fields()) columns.push_back(Column::Nulls(field.type, 1));
    ASSERT_TRUE(WriteParquet(fmt::format("{}/rows-{:03}.parquet", folder.path(), file),
                             Table::Create(schema, std::move(columns)).value())
                    .ok());
  };
  for (int file = 0; file < 70; ++file) write(file, DataType::kString);
  ASSERT_TRUE(WriteFileAtomically(
                  yaml,
                  "apiVersion: millrace.dev/v1alpha1\nkind: DataSource\nmetadata: {name: events}\nspec:\n"
                  "  files: {path: '*.parquet'}\n  eventTime: time\n"
                  "---\napiVersion: millrace.dev/v1alpha1\nkind: FeatureView\nmetadata: {name: spending}\n"
                  "spec:\n  source: events\n  entities: [customer]\n  windows: [1d]\n"
                  "  features: [{name: mean, aggregate: mean, of: amount}]\n")
                  .ok());
  const auto wrong = [&] {
    return resource::Validate(resource::LoadYaml(yaml), {}, CheckDefinitions()).ToString();
  };
  EXPECT_NE(wrong().find("spec.features[0].of"), std::string::npos) << wrong();
  write(66, DataType::kDouble);
  EXPECT_NE(wrong().find("rows-066.parquet"), std::string::npos) << wrong();
}

}  // namespace
}  // namespace millrace::controller
