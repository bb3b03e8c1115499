#include "feature/online_store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <random>
#include <thread>

#include "base/file.h"
#include "feature/batch.h"
#include "feature/testing/online_world.h"

namespace millrace::feature {
namespace {

namespace fs = std::filesystem;
using testing::AsInput;
using testing::Expected;
using testing::ExpectVector;
using testing::kColumns;
using testing::kKey;
using testing::LoadEmpty;
using testing::MustOpen;
using testing::OracleEvent;
using testing::Plans;
using testing::Row;
using testing::SameBits;
using testing::WithoutLate;
using testing::WorldService;
using testing::WorldView;

// Scores each event and learns it; labels arrive when they are known. `restart` is
// called after each event.
void Replay(std::unique_ptr<OnlineStore>& store, const std::vector<OracleEvent>& world,
            const ServicePlanPtr& plan, const std::function<bool(size_t)>& restart) {
  const Table expected = Expected(*plan, world);
  Scorer scorer = store->Bind("p", plan).value();
  std::vector<double> vector(plan->inputs.size());
  size_t known = 0;
  for (size_t i = 0; i < world.size(); ++i) {
    std::vector<LateColumns> updates;
    for (; world[known].time + testing::kKnownAfter <= world[i].time; ++known) {
      updates.push_back({*world[known].id, {{"late", world[known].columns[testing::kLate]}}});
    }
    if (!updates.empty()) {
      const Result<AppendResult> joined = store->Update(kKey, updates);
      ASSERT_TRUE(joined.ok() && joined->refused.empty()) << joined.status().ToString();
    }
    for (const bool learned : {false, true}) {
      const Status scored = scorer.Score(Row(world[i], plan->fields), vector);
      ASSERT_TRUE(scored.ok()) << scored.ToString();
      ExpectVector(*plan, expected, i, vector, learned ? "after Learn" : "before Learn");
      if (learned) continue;
      ASSERT_TRUE(store->Learn(kKey, Row(WithoutLate(world[i]), testing::WorldSchema())).ok());
    }
    if (!restart(i)) continue;
    if (::testing::Test::HasFatalFailure()) return;
    scorer = store->Bind("p", plan).value();
  }
}

class OnlineAgainstBatch : public ::testing::TestWithParam<uint64_t> {};

TEST_P(OnlineAgainstBatch, AReplayInOrderGivesTheBatchsBits) {
  std::mt19937_64 random(GetParam());
  const TempDirectory directory;
  const std::vector<WorldView> views = testing::WorldViews();
  std::unique_ptr<OnlineStore> store = MustOpen(directory.path());
  LoadEmpty(*store, views);
  Replay(store, testing::RandomEvents(random, 150), WorldService(views), [](size_t) { return false; });
}

TEST_P(OnlineAgainstBatch, RestartsAndSnapshotsInTheMiddleChangeNothing) {
  std::mt19937_64 random(GetParam());
  const TempDirectory directory;
  const std::vector<WorldView> views = testing::WorldViews();
  std::unique_ptr<OnlineStore> store = MustOpen(directory.path());
  LoadEmpty(*store, views);
  Replay(store, testing::RandomEvents(random, 100), WorldService(views), [&](size_t i) {
    if (i % 23 == 7) {
      EXPECT_TRUE(store->Snapshot().ok());
    }
    if (i % 17 != 5) return false;
    store.reset();
    store = MustOpen(directory.path());
    return true;
  });
}

// What kill -9 leaves: the files as they are while the store is still open.
TEST_P(OnlineAgainstBatch, ACrashKeepsAllThatWasFlushed) {
  std::mt19937_64 random(GetParam());
  const TempDirectory first;
  const TempDirectory copies;
  const std::vector<WorldView> views = testing::WorldViews();
  std::unique_ptr<OnlineStore> store = MustOpen(first.path());
  LoadEmpty(*store, views);
  std::vector<std::unique_ptr<OnlineStore>> crashed;
  std::string now = first.path();
  Replay(store, testing::RandomEvents(random, 100), WorldService(views), [&](size_t i) {
    if (i % 31 == 3) {
      EXPECT_TRUE(store->Snapshot().ok());
    }
    if (i % 25 != 11) return false;
    EXPECT_TRUE(store->Flush().ok());
    const std::string copy = fmt::format("{}/{}", copies.path(), i);
    fs::copy(now, copy, fs::copy_options::recursive);
    now = copy;
    crashed.push_back(std::move(store));
    store = MustOpen(copy);
    return true;
  });
}

TEST_P(OnlineAgainstBatch, ArrivalShuffledWithinTheLatenessEndsInTheSameState) {
  std::mt19937_64 random(GetParam());
  const TempDirectory directory;
  const std::vector<WorldView> views = testing::WorldViews();
  const ServicePlanPtr plan = WorldService(views);
  const std::vector<OracleEvent> world = testing::RandomEvents(random, 150);
  const Table expected = Expected(*plan, world);
  // Sorted by a time that is delayed by less than the lateness.
  std::vector<std::pair<int64_t, size_t>> arrival;
  for (size_t i = 0; i < world.size(); ++i) {
    arrival.emplace_back(world[i].time + static_cast<int64_t>(random() % testing::kLateness), i);
  }
  std::sort(arrival.begin(), arrival.end());
  std::unique_ptr<OnlineStore> store = MustOpen(directory.path());
  LoadEmpty(*store, views);
  const Scorer scorer = store->Bind("p", plan).value();
  std::vector<double> vector(plan->inputs.size());
  for (const auto& [time, i] : arrival) {
    const Result<AppendResult> appended = store->Append(kKey, testing::ToTable({world[i]}));
    ASSERT_TRUE(appended.ok()) << appended.status().ToString();
    ASSERT_EQ(appended->accepted, 1) << appended->refused[0].reason;
    // Reads in between move windows to and fro.
    ASSERT_TRUE(scorer.Score(Row(world[random() % world.size()], plan->fields), vector).ok());
  }
  const int64_t settled = world.back().time - testing::kLateness;
  for (size_t i = 0; i < world.size(); ++i) {
    if (world[i].time < settled) continue;
    ASSERT_TRUE(scorer.Score(Row(world[i], plan->fields), vector).ok());
    ExpectVector(*plan, expected, i, vector, "settled");
  }
}

TEST_P(OnlineAgainstBatch, ALookUpByKeyAndTimeIsTheOraclesValue) {
  std::mt19937_64 random(GetParam());
  const TempDirectory directory;
  const std::vector<WorldView> views = testing::WorldViews();
  const std::vector<OracleEvent> world = testing::RandomEvents(random, 150);
  std::unique_ptr<OnlineStore> store = MustOpen(directory.path());
  ASSERT_TRUE(
      store->Load(kKey, testing::WorldSource(), Plans(views), testing::ToTable(world), {.marker = "v1"})
          .ok());
  EXPECT_EQ(store->Marker(kKey), "v1");
  for (const WorldView& view : views) {
    const std::vector<OracleEvent> keyed = testing::WithKeys(world, view);
    for (int i = 0; i < 80; ++i) {
      const OracleEvent& of = keyed[random() % keyed.size()];
      const int64_t time = world.back().time - testing::kLateness +
                           static_cast<int64_t>(random() % (20 * testing::kWorldSecond));
      const Result<FeatureRow> got = store->Lookup(kKey, view.plan->name, of.key, EventTime{time});
      ASSERT_TRUE(got.ok()) << got.status().ToString();
      const std::vector<Value> expected =
          testing::OracleFeatures(view.oracle, keyed, {of.key, time, nullptr});
      for (size_t f = 0; f < expected.size(); ++f) {
        ASSERT_TRUE(testing::SameValue(got->values[f], expected[f]))
            << view.plan->name << "." << view.plan->outputs[f].name << ": " << ToText(got->values[f])
            << ", and the oracle has " << ToText(expected[f]);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, OnlineAgainstBatch, ::testing::Range(uint64_t{1}, uint64_t{5}));

}  // namespace
}  // namespace millrace::feature
