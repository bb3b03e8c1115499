#include "feature/batch.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "feature/testing/random_world.h"

namespace millrace::feature {
namespace {

using testing::OracleEvent;
using testing::OracleQuery;
using testing::WorldView;

// Compares row by row and says where.
void ExpectRow(const WorldView& view, const Table& got, size_t row, const std::vector<Value>& expected,
               const std::string& what) {
  for (size_t i = 0; i < expected.size(); ++i) {
    const Value value = got.column(i).Get(row);
    ASSERT_TRUE(testing::SameValue(value, expected[i]))
        << what << ", row " << row << ", " << view.plan->outputs[i].name << " ("
        << view.plan->spec.features[view.plan->outputs[i].aggregation].aggregate << " of "
        << view.plan->spec.features[view.plan->outputs[i].aggregation].of << "): " << ToText(value)
        << ", and the oracle has " << ToText(expected[i]);
  }
}

class BatchAgainstOracle : public ::testing::TestWithParam<uint64_t> {};

TEST_P(BatchAgainstOracle, EveryAggregateOfEveryEventIsTheOraclesValue) {
  std::mt19937_64 random(GetParam());
  const std::vector<OracleEvent> world = testing::RandomEvents(random, 120);
  const Table events = testing::ToTable(world);
  for (const WorldView& view : testing::WorldViews()) {
    const std::vector<OracleEvent> keyed = testing::WithKeys(world, view);
    for (const int threads : {1, 2}) {
      const Result<Table> got = ComputeFeatures(*view.plan, events, Spine::OfEvents(), {.threads = threads});
      ASSERT_TRUE(got.ok()) << got.status().ToString();
      for (size_t row = 0; row < keyed.size(); ++row) {
        const OracleQuery query{keyed[row].key, keyed[row].time, &keyed[row]};
        ExpectRow(view, *got, row, testing::OracleFeatures(view.oracle, keyed, query), view.plan->name);
      }
    }
  }
}

TEST_P(BatchAgainstOracle, EventsInAnyOrderGiveTheSameRows) {
  std::mt19937_64 random(GetParam());
  const std::vector<OracleEvent> world = testing::RandomEvents(random, 80);
  std::vector<int64_t> order(world.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  const Table events = testing::ToTable(world);
  for (const WorldView& view : testing::WorldViews()) {
    const Result<Table> sorted = ComputeFeatures(*view.plan, events, Spine::OfEvents());
    const Result<Table> shuffled = ComputeFeatures(*view.plan, events.Take(order), Spine::OfEvents());
    ASSERT_TRUE(sorted.ok() && shuffled.ok()) << shuffled.status().ToString();
    const Table expected = sorted->Take(order);
    for (size_t row = 0; row < order.size(); ++row) {
      for (size_t i = 0; i < expected.num_columns(); ++i) {
        ASSERT_TRUE(testing::SameValue(shuffled->column(i).Get(row), expected.column(i).Get(row)));
      }
    }
  }
}

TEST_P(BatchAgainstOracle, ASpineOfOtherRowsComesBackInOrderWithItsDuplicates) {
  std::mt19937_64 random(GetParam());
  const std::vector<OracleEvent> world = testing::RandomEvents(random, 80);
  const Table events = testing::ToTable(world);
  for (const WorldView& view : testing::WorldViews()) {
    const std::vector<OracleEvent> keyed = testing::WithKeys(world, view);
    std::vector<int64_t> picks;
    for (int i = 0; i < 60; ++i) picks.push_back(static_cast<int64_t>(random() % world.size()));
    picks.push_back(picks.front());
    const Table rows = events.Take(picks);
    for (const bool with_id : {true, false}) {
      const Result<Table> got = ComputeFeatures(
          *view.plan, events, Spine::OfRows(rows, view.plan->spec.entities, "at", with_id ? "id" : ""));
      ASSERT_TRUE(got.ok()) << got.status().ToString();
      ASSERT_EQ(got->num_rows(), picks.size());
      for (size_t row = 0; row < picks.size(); ++row) {
        const OracleEvent& event = keyed[static_cast<size_t>(picks[row])];
        const OracleQuery query{event.key, event.time, with_id ? &event : nullptr};
        ExpectRow(view, *got, row, testing::OracleFeatures(view.oracle, keyed, query),
                  view.plan->name + (with_id ? " with ids" : " without ids"));
      }
    }
    const Result<Table> by_number = ComputeFeatures(*view.plan, events, Spine::OfEventRows(picks));
    ASSERT_TRUE(by_number.ok()) << by_number.status().ToString();
    for (size_t row = 0; row < picks.size(); ++row) {
      const OracleEvent& event = keyed[static_cast<size_t>(picks[row])];
      ExpectRow(view, *by_number, row,
                testing::OracleFeatures(view.oracle, keyed, {event.key, event.time, &event}),
                view.plan->name + " by number");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, BatchAgainstOracle, ::testing::Range(uint64_t{1}, uint64_t{9}));

TEST(Batch, NoEventsGiveDefaultsForEachSpineRow) {
  const WorldView view = testing::WorldViews()[0];
  std::mt19937_64 random(1);
  const Table rows = testing::ToTable(testing::RandomEvents(random, 3));
  const Table none = testing::ToTable({});
  const Result<Table> got = ComputeFeatures(*view.plan, none, Spine::OfRows(rows, {"part"}, "at"));
  ASSERT_TRUE(got.ok()) << got.status().ToString();
  EXPECT_EQ(got->num_rows(), 3U);
  EXPECT_EQ(got->column(0).Get(0), Value(int64_t{0}));
}

TEST(Batch, SumsThatFitNoFixedPointAreStillExact) {
  resource::FeatureViewSpec spec;
  spec.source = "world";
  spec.entities = {"part"};
  spec.windows = {Micros(1'000'000'000)};
  spec.features = {{"s", "sum", "amount", "", nullptr}, {"n", "sum", "whole", "", nullptr}};
  const ViewPlanPtr plan = CompileView("v", spec, testing::WorldSource()).value();
  std::vector<OracleEvent> events;
  const double amounts[] = {1e300, 0.1, -1e300, 1e-300};
  const int64_t wholes[] = {INT64_MAX, INT64_MAX, -INT64_MAX, 5};
  for (int64_t i = 0; i < 4; ++i) {
    OracleEvent event;
    event.columns.resize(testing::kColumns);
    event.columns[testing::kIdColumn] = i;
    event.columns[testing::kTime] = EventTime{1000 + i};
    event.columns[testing::kPart] = int64_t{1};
    event.columns[testing::kAmount] = amounts[i];
    event.columns[testing::kWhole] = wholes[i];
    events.push_back(event);
  }
  const Table got = ComputeFeatures(*plan, testing::ToTable(events), Spine::OfEvents()).value();
  EXPECT_EQ(got.column(0).Get(2), Value(0.1));
  EXPECT_EQ(got.column(0).Get(3), Value(0.1));
  EXPECT_EQ(got.column(1).Get(1), Value(Null{})) << "beyond int64";
  EXPECT_EQ(got.column(1).Get(2), Value(INT64_MAX));
}

// More rows than one task takes, so that the work is split.
constexpr int64_t kManyRows = 60'000;

TEST(Batch, ManyRowsAreTheSameBitsWithAnyNumberOfThreads) {
  std::mt19937_64 random(3);
  const Table events = testing::ToTable(testing::RandomEvents(random, kManyRows));
  for (const WorldView& view : testing::WorldViews()) {
    const Table one = ComputeFeatures(*view.plan, events, Spine::OfEvents(), {.threads = 1}).value();
    BatchScratch scratch;
    for (const int threads : {2, 3}) {
      const Table more =
          ComputeFeatures(*view.plan, events, Spine::OfEvents(), {.threads = threads, .scratch = &scratch})
              .value();
      for (size_t i = 0; i < one.num_columns(); ++i) {
        for (size_t row = 0; row < one.num_rows(); ++row) {
          ASSERT_TRUE(testing::SameValue(one.column(i).Get(row), more.column(i).Get(row)))
              << view.plan->name << ", " << view.plan->outputs[i].name << ", row " << row;
        }
      }
    }
  }
}

// Seven events an instant, so that instants lie across the ends of tasks.
Table Crowded(std::mt19937_64& random, bool sorted_times) {
  std::vector<int64_t> ids(kManyRows);
  std::iota(ids.begin(), ids.end(), 0);
  std::shuffle(ids.begin(), ids.end(), random);
  std::vector<int64_t> times(kManyRows);
  std::vector<int64_t> offsets{0};
  std::string text;
  for (int64_t row = 0; row < kManyRows; ++row) {
    const auto at = static_cast<size_t>(row);
    times[at] = (sorted_times ? row : kManyRows - row) / 7;
    text += static_cast<char>('a' + ids[at] % 26);
    offsets.push_back(row + 1);
  }
  return Table::Create(
             Schema({{"id", DataType::kInt64}, {"at", DataType::kTimestamp}, {"name", DataType::kString}}),
             {Column::Ints(std::move(ids)), Column::Timestamps(std::move(times)),
              Column::Strings(std::move(offsets), std::move(text))})
      .value();
}

TEST(SortByPosition, OrdersInstantsAndIdsWhetherOrNotTheTableIsGivenAway) {
  resource::DataSourceSpec spec;
  spec.event_time = "at";
  spec.event_id = "id";
  for (const bool sorted_times : {true, false}) {
    std::mt19937_64 random(5);
    Table events = Crowded(random, sorted_times);
    const SourcePlan source = PlanSource("crowd", spec, events.schema()).value();
    std::vector<int64_t> order(kManyRows);
    std::iota(order.begin(), order.end(), 0);
    const auto position = [&](int64_t row) {
      const auto at = static_cast<size_t>(row);
      return std::pair(events.column(1).ints()[at], events.column(0).ints()[at]);
    };
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return position(a) < position(b); });
    const Table expected = events.Take(order);
    const Value first_id = events.column(0).Get(0);
    const Table copied = SortByPosition(source, events).value();
    EXPECT_EQ(events.column(0).Get(0), first_id) << "another holds the table";
    const Table moved = SortByPosition(source, std::move(events)).value();
    for (size_t i = 0; i < expected.num_columns(); ++i) {
      for (size_t row = 0; row < expected.num_rows(); ++row) {
        ASSERT_EQ(copied.column(i).Get(row), expected.column(i).Get(row)) << i << ", row " << row;
        ASSERT_EQ(moved.column(i).Get(row), expected.column(i).Get(row)) << i << ", row " << row;
      }
    }
  }
}

TEST(Batch, AMissingColumnAndAMissingTimeAreRefusedByName) {
  const WorldView view = testing::WorldViews()[0];
  std::mt19937_64 random(1);
  const Table events = testing::ToTable(testing::RandomEvents(random, 3));
  const Table without = events.Select(std::vector<std::string>{"id", "at", "part"}).value();
  const Result<Table> missing = ComputeFeatures(*view.plan, without, Spine::OfEvents());
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.status().message().find("amount"), std::string::npos) << missing.status().message();
  std::vector<OracleEvent> untimed = testing::RandomEvents(random, 2);
  untimed[1].columns[testing::kTime] = Null{};
  EXPECT_FALSE(ComputeFeatures(*view.plan, testing::ToTable(untimed), Spine::OfEvents()).ok());
}

}  // namespace
}  // namespace millrace::feature
