// bench-online: one event in, its 15 features out, in this process, with the state
// of all rows but the last week; that week's events are scored and learned one by one.
//
//   bench_online FOLDER [EVENTS]
#include <fmt/format.h>
#include <time.h>

#include <chrono>
#include <cstdio>

#include "base/json.h"
#include "feature/batch.h"
#include "feature/online_store.h"
#include "fraud_plan.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kInputs = 15;

double Since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double ProcessorSeconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// The cells of `row` for `fields`, from a table that has them.
std::vector<feature::Cell> RowOf(const Table& table, const Schema& fields, size_t row) {
  std::vector<feature::Cell> cells;
  for (const Field& field : fields.fields()) {
    cells.push_back(feature::ToCell(table.column(table.schema().Find(field.name).value()).Get(row)));
  }
  return cells;
}

double Quantile(std::vector<double>& sorted, double q) {
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(q * static_cast<double>(sorted.size())))];
}

struct Measured {
  std::vector<double> score_micros;
  std::vector<double> both_micros;
  double processor = 0;
  double wall = 0;
  int64_t different = 0;
};

// Vectors must be those of the batch, to the bit.
int64_t Differences(const Table& expected, size_t row, std::span<const double> got) {
  int64_t different = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const Column& column = expected.column(i);
    const bool null = column.IsNull(row);
    const bool same = null
                          ? std::isnan(got[i])
                          : std::bit_cast<uint64_t>(column.doubles()[row]) == std::bit_cast<uint64_t>(got[i]);
    different += same ? 0 : 1;
  }
  return different;
}

Result<Measured> Replay(feature::OnlineStore& store, const feature::Scorer& scorer, const Table& rows,
                        size_t first, const Table& expected) {
  std::vector<std::vector<feature::Cell>> requests;
  std::vector<std::vector<feature::Cell>> events;
  for (size_t row = first; row < rows.num_rows(); ++row) {
    requests.push_back(RowOf(rows, scorer.plan().fields, row));
    events.push_back(RowOf(rows, rows.schema(), row));
  }
  Measured measured;
  std::vector<double> vector(kInputs);
  const Clock::time_point start = Clock::now();
  const double processor = ProcessorSeconds();
  for (size_t i = 0; i < requests.size(); ++i) {
    const Clock::time_point before = Clock::now();
    MR_RETURN_IF_ERROR(scorer.Score(requests[i], vector));
    const Clock::time_point scored = Clock::now();
    MR_RETURN_IF_ERROR(store.Learn("bench/transactions", events[i]));
    const Clock::time_point learned = Clock::now();
    measured.score_micros.push_back(std::chrono::duration<double, std::micro>(scored - before).count());
    measured.both_micros.push_back(std::chrono::duration<double, std::micro>(learned - before).count());
    measured.different += Differences(expected, i, vector);
  }
  measured.processor = ProcessorSeconds() - processor;
  measured.wall = Since(start);
  return measured;
}

Result<Json> Run(const std::string& folder, size_t count) {
  fmt::print(stderr, "online: reading\n");
  MR_ASSIGN_OR_RETURN(const Table rows, bench::ReadFraudRows(folder));
  MR_ASSIGN_OR_RETURN(const bench::FraudPlan plan, bench::MakeFraudPlan(rows.schema()));
  const size_t first = rows.num_rows() - std::min(count, rows.num_rows() / 2);
  std::vector<int64_t> before;
  std::vector<int64_t> after;
  for (size_t row = 0; row < rows.num_rows(); ++row)
    (row < first ? before : after).push_back(static_cast<int64_t>(row));
  MR_ASSIGN_OR_RETURN(const Table expected,
                      feature::ComputeVectors(*plan.service, rows.Take(after), {{"transactions", rows}}));
  const TempDirectory directory;
  MR_ASSIGN_OR_RETURN(auto store, feature::OnlineStore::Open({.directory = directory.path()}));
  fmt::print(stderr, "online: loading {} events\n", before.size());
  const Clock::time_point load_start = Clock::now();
  MR_RETURN_IF_ERROR(store->Load("bench/transactions", plan.source, {plan.customers, plan.terminals},
                                 rows.Take(before), {.marker = "bench"}));
  const double load = Since(load_start);
  MR_ASSIGN_OR_RETURN(const feature::Scorer scorer, store->Bind("bench", plan.service));
  fmt::print(stderr, "online: scoring and learning {} events\n", after.size());
  MR_ASSIGN_OR_RETURN(Measured measured, Replay(*store, scorer, rows, first, expected));
  MR_RETURN_IF_ERROR(store->Flush());
  std::sort(measured.score_micros.begin(), measured.score_micros.end());
  std::sort(measured.both_micros.begin(), measured.both_micros.end());
  const feature::SourceStats stats = store->Stats().front();
  int64_t bytes = 0;
  int64_t keys = 0;
  int64_t held = 0;
  for (const feature::ViewStats& view : stats.views) {
    bytes += view.bytes;
    keys += view.keys;
    held += view.events;
  }
  const double p50 = Quantile(measured.both_micros, 0.5);
  const double p99 = Quantile(measured.both_micros, 0.99);
  const double rate = static_cast<double>(after.size()) / measured.processor;
  return Json({{"benchmark", "online"},
               {"what", "one event in, its 15 features out, then into the state; in process"},
               {"unit", "events/s a core"},
               {"millrace", rate},
               {"peers", Json::object()},
               {"goal", 200'000},
               {"goal_p50_micros", 5},
               {"goal_p99_micros", 20},
               {"p50_micros", p50},
               {"p99_micros", p99},
               {"p999_micros", Quantile(measured.both_micros, 0.999)},
               {"score_p50_micros", Quantile(measured.score_micros, 0.5)},
               {"score_p99_micros", Quantile(measured.score_micros, 0.99)},
               {"wall_seconds", measured.wall},
               {"load_seconds", load},
               {"loaded_events", before.size()},
               {"scored_events", after.size()},
               {"different_values", measured.different},
               {"held_events", held},
               {"keys", keys},
               {"view_bytes", bytes},
               {"ids", stats.ids},
               {"id_bytes", stats.id_bytes},
               {"bytes_per_held_event", static_cast<double>(bytes) / static_cast<double>(held)},
               {"met", p50 <= 5 && p99 <= 20 && rate >= 200'000 && measured.different == 0}});
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: bench_online FOLDER [EVENTS]\n");
    return 2;
  }
  const millrace::Result<millrace::Json> result =
      millrace::Run(argv[1], argc > 2 ? std::stoul(argv[2]) : 64'000);
  if (!result.ok()) {
    fmt::print(stderr, "{}\n", result.status().ToString());
    return 1;
  }
  fmt::print("{}\n", millrace::FormatJson(*result));
  return 0;
}
