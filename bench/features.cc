// Millrace's side of bench-features: Parquet files to the 12 window features.
//
//   bench_features FOLDER [OUTPUT.parquet]
//
// One run, as JSON: seconds (whole, and by step), rows, peak memory. With OUTPUT,
// the features are written there afterwards, for comparing.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "base/json.h"
#include "feature/batch.h"
#include "fraud_plan.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

double Since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Status Run(const std::string& folder, const std::string& output) {
  const Clock::time_point start = Clock::now();
  MR_ASSIGN_OR_RETURN(Table rows, bench::ReadFraudRows(folder));
  const double read = Since(start);
  MR_ASSIGN_OR_RETURN(const bench::FraudPlan plan, bench::MakeFraudPlan(rows.schema()));
  MR_ASSIGN_OR_RETURN(rows, feature::SortByPosition(plan.source, std::move(rows)));
  feature::BatchScratch scratch;
  const feature::BatchOptions options{.scratch = &scratch};
  MR_ASSIGN_OR_RETURN(const Table customers,
                      feature::ComputeFeatures(*plan.customers, rows, feature::Spine::OfEvents(), options));
  const double first = Since(start);
  MR_ASSIGN_OR_RETURN(const Table terminals,
                      feature::ComputeFeatures(*plan.terminals, rows, feature::Spine::OfEvents(), options));
  const double all = Since(start);
  fmt::print("{}\n", FormatJson(Json({{"seconds", all},
                                      {"read_seconds", read},
                                      {"customer_seconds", first - read},
                                      {"terminal_seconds", all - first},
                                      {"rows", rows.num_rows()},
                                      {"peak_bytes", bench::PeakMemory()}})));
  if (output.empty()) return Ok();
  std::vector<Field> fields;
  std::vector<Column> columns;
  for (const auto& [prefix, table] : {std::pair{"customer", &customers}, std::pair{"terminal", &terminals}}) {
    for (size_t i = 0; i < table->num_columns(); ++i) {
      fields.push_back({fmt::format("{}_{}", prefix, table->schema()[i].name), table->schema()[i].type});
      columns.push_back(table->column(i));
    }
  }
  MR_ASSIGN_OR_RETURN(const Table made, Table::Create(Schema(std::move(fields)), std::move(columns)));
  return WriteParquet(output, made);
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: bench_features FOLDER [OUTPUT.parquet]\n");
    return 2;
  }
  const millrace::Status status = millrace::Run(argv[1], argc > 2 ? argv[2] : "");
  if (!status.ok()) fmt::print(stderr, "{}\n", status.ToString());
  return status.ok() ? 0 : 1;
}
