// Appending, and refreshing what is computed from it, against making all of it anew.
#include "controller/data_source/append.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "controller/data_source/merge.h"
#include "controller/feature_view/refresh.h"
#include "feature/batch.h"
#include "feature/testing/random_world.h"

namespace millrace::controller::data_source {
namespace {

using feature::ViewPlanPtr;
using feature::testing::OracleEvent;

void ExpectSame(const Table& got, const Table& expected, const std::string& what) {
  ASSERT_EQ(got.schema(), expected.schema()) << what;
  ASSERT_EQ(got.num_rows(), expected.num_rows()) << what;
  for (size_t c = 0; c < got.num_columns(); ++c) {
    for (size_t row = 0; row < got.num_rows(); ++row) {
      ASSERT_TRUE(feature::testing::SameValue(got.column(c).Get(row), expected.column(c).Get(row)))
          << what << ": " << got.schema()[c].name << " of row " << row << " is "
          << ToText(got.column(c).Get(row)) << ", not " << ToText(expected.column(c).Get(row));
    }
  }
}

// Rows as they come: events out of order, some twice, and labels for events near the newest.
class Arrivals {
 public:
  Arrivals(uint64_t seed, std::vector<OracleEvent> world, size_t known)
      : random_(seed), world_(std::move(world)), next_(known) {
    for (size_t i = known; i + 8 <= world_.size(); i += 8) {
      std::shuffle(world_.begin() + static_cast<std::ptrdiff_t>(i),
                   world_.begin() + static_cast<std::ptrdiff_t>(i + 8), random_);
    }
  }

  bool done() const { return next_ >= world_.size(); }
  Table Next() {
    std::vector<OracleEvent> rows;
    const size_t count = random_() % 4 == 0 ? 0 : random_() % 12;
    for (size_t i = 0; i < count && next_ < world_.size(); ++i) {
      if (random_() % 4 == 0) rows.push_back(world_[next_ - 1 - random_() % 20]);
      rows.push_back(world_[next_++]);
    }
    for (size_t i = random_() % 6; i > 0; --i) rows.push_back(Label(next_ - 1 - random_() % 60));
    if (done()) rows.push_back(Label(0));
    return feature::testing::ToTable(rows);
  }

 private:
  OracleEvent Label(size_t of) {
    OracleEvent update;
    update.id = world_[of].id;
    update.columns.assign(feature::testing::kColumns, Null{});
    update.columns[feature::testing::kIdColumn] = *update.id;
    if (random_() % 5 != 0) update.columns[feature::testing::kLate] = static_cast<int64_t>(random_() % 9) - 4;
    return update;
  }

  std::mt19937_64 random_;
  std::vector<OracleEvent> world_;
  size_t next_;
};

// One view's table, kept up to date by refreshing it.
class Refreshed {
 public:
  Refreshed(const std::string& directory, ViewPlanPtr plan) : directory_(directory), plan_(std::move(plan)) {}

  void Make(const DeltaTable& source) {
    const DeltaSnapshot events = source.Snapshot().value();
    const Table all = All(source.Read(events).value());
    const DeltaTable table = DeltaTable::OpenOrCreate(directory_, all.schema()).value();
    ASSERT_TRUE(table.Overwrite(all, {.rows_a_file = 32}).ok());
    made_from_ = events.version;
  }

  void Refresh(const DeltaTable& source) {
    const DeltaSnapshot events = source.Snapshot().value();
    const DeltaTable table = DeltaTable::Open(directory_).value();
    const DeltaSnapshot made = table.Snapshot().value();
    const feature_view::Refresh refresh =
        feature_view::PlanRefresh(*plan_, source.History().value(), made_from_, events.version);
    ASSERT_FALSE(refresh.whole);
    const Result<int64_t> version =
        feature_view::RefreshFeatures(*plan_, {source, events, table, made}, refresh.from, "", nullptr);
    ASSERT_TRUE(version.ok()) << version.status().ToString();
    made_from_ = events.version;
    const DeltaSnapshot now = table.Snapshot().value();
    ExpectSame(table.Read(now).value(), All(source.Read(events).value()), plan_->name);
    for (const DeltaFile& file : now.files) {
      kept_ += std::any_of(made.files.begin(), made.files.end(),
                           [&](const DeltaFile& before) { return before.path == file.path; })
                   ? 1
                   : 0;
    }
  }

  int64_t kept() const { return kept_; }

 private:
  Table All(const Table& events) const {
    const Table features = feature::ComputeFeatures(*plan_, events, feature::Spine::OfEvents()).value();
    return feature_view::Published(*plan_, events, features).value();
  }

  std::string directory_;
  ViewPlanPtr plan_;
  int64_t made_from_ = 0;
  int64_t kept_ = 0;  // files that a refresh left alone
};

class AppendAgainstAll : public ::testing::TestWithParam<uint64_t> {};

TEST_P(AppendAgainstAll, TheTablesAreThoseThatMakingAllAnewGives) {
  const TempDirectory directory;
  std::mt19937_64 random(GetParam());
  const std::vector<OracleEvent> world = feature::testing::RandomEvents(random, 260);
  const feature::SourcePlan plan = feature::testing::WorldSource();
  const Table first = feature::testing::ToTable({world.begin(), world.begin() + 150});
  const DeltaTable events = DeltaTable::Create(directory.path() + "/events", first.schema()).value();
  ASSERT_TRUE(events.Overwrite(first, {.rows_a_file = 32}).ok());
  std::vector<Refreshed> views;
  for (const feature::testing::WorldView& view : feature::testing::WorldViews()) {
    views.emplace_back(directory.path() + "/" + view.plan->name, view.plan);
    views.back().Make(events);
  }
  Arrivals arrivals(GetParam(), world, 150);
  Table pushed = first.Take({});
  for (int step = 0; !arrivals.done(); ++step) {
    const Table rows = arrivals.Next();
    const std::vector<Table> parts = {pushed, rows};
    pushed = Table::Concatenate(parts).value();
    const Result<int64_t> version =
        AppendPushed(events, events.Snapshot().value(), rows, plan, {.input = "files"});
    ASSERT_TRUE(version.ok()) << version.status().ToString();
    ExpectSame(events.Read(events.Snapshot().value()).value(), MergePushed(first, pushed, plan).value(),
               "the events");
    if (step % 3 != 0 && !arrivals.done()) continue;  // several commits at once
    for (Refreshed& view : views) view.Refresh(events);
    if (HasFatalFailure()) return;
  }
  for (const Refreshed& view : views) EXPECT_GT(view.kept(), 0) << "every file was written each time";
}

INSTANTIATE_TEST_SUITE_P(Seeds, AppendAgainstAll, ::testing::Range(uint64_t{1}, uint64_t{3}));

DeltaCommit CommitOf(int64_t version, std::optional<EventsChange> change) {
  DeltaCommit commit;
  commit.version = version;
  commit.user_metadata = ToMetadata({.input = "files", .change = std::move(change)});
  return commit;
}

TEST(PlanRefresh, BeginsAtTheFirstEventThatMattersToTheView) {
  ViewPlanPtr later;
  ViewPlanPtr plain;
  for (const feature::testing::WorldView& view : feature::testing::WorldViews())
    (view.plan->Reads("late") ? later : plain) = view.plan;
  ASSERT_TRUE(later && plain);
  const std::vector<DeltaCommit> history = {
      CommitOf(4, EventsChange{}),
      CommitOf(3, EventsChange{.added_from = EventTime{50}, .columns_from = {{"late", EventTime{20}}}}),
      CommitOf(2, EventsChange{.added_from = EventTime{40}}), CommitOf(1, std::nullopt)};
  struct Case {
    ViewPlanPtr plan;
    int64_t made_from;
    bool whole;
    std::optional<EventTime> from;
  } const cases[] = {
      {plain, 1, false, EventTime{40}}, {plain, 2, false, EventTime{50}}, {later, 2, false, EventTime{20}},
      {plain, 3, false, std::nullopt},  {plain, 4, false, std::nullopt},  {plain, 0, true, std::nullopt},
      {plain, 5, true, std::nullopt},   {plain, -1, true, std::nullopt},
  };
  for (const Case& c : cases) {
    const feature_view::Refresh refresh = feature_view::PlanRefresh(*c.plan, history, c.made_from, 4);
    EXPECT_EQ(refresh.whole, c.whole) << c.plan->name << " from version " << c.made_from;
    if (!c.whole) {
      EXPECT_EQ(refresh.from, c.from) << c.plan->name << " from version " << c.made_from;
    }
  }
}

}  // namespace
}  // namespace millrace::controller::data_source
