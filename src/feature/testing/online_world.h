// What tests of the online store share: a store over the random world, what a batch
// gives for it, and a fixture with a directory.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/file.h"
#include "feature/batch.h"
#include "feature/online_store.h"
#include "feature/testing/random_world.h"

namespace millrace::feature::testing {

namespace fs = std::filesystem;

inline const std::string kKey = "p/world";

inline std::unique_ptr<OnlineStore> MustOpen(const std::string& directory) {
  Result<std::unique_ptr<OnlineStore>> store = OnlineStore::Open({.directory = directory});
  MR_CHECK(store.ok(), "{}", store.status().ToString());
  return std::move(store).value();
}

inline std::vector<ViewPlanPtr> Plans(const std::vector<WorldView>& views) {
  std::vector<ViewPlanPtr> plans;
  for (const WorldView& view : views) plans.push_back(view.plan);
  return plans;
}

inline void LoadEmpty(OnlineStore& store, const std::vector<WorldView>& views) {
  const Status loaded = store.Load(kKey, WorldSource(), Plans(views), ToTable({}), {.marker = "v0"});
  ASSERT_TRUE(loaded.ok()) << loaded.ToString();
}

// A service of everything numeric that the views have.
inline ServicePlanPtr WorldService(const std::vector<WorldView>& views) {
  resource::FeatureServiceSpec spec;
  spec.items.push_back({resource::ServiceItem::Kind::kRequest, "amount", "", std::nullopt, {}});
  spec.items.push_back(
      {resource::ServiceItem::Kind::kExpression, "big", "amount > 1 and whole > 0", std::nullopt, {}});
  for (const WorldView& view : views) {
    resource::ServiceItem item{resource::ServiceItem::Kind::kView, view.plan->name, "", std::nullopt, {}};
    for (const ViewOutput& output : view.plan->outputs) {
      if (output.type != DataType::kString) item.features.push_back(output.name);
    }
    spec.items.push_back(item);
  }
  const std::vector<ViewPlanPtr> plans = Plans(views);
  Result<ServicePlanPtr> plan = CompileService("everything", spec, WorldSource(), plans);
  MR_CHECK(plan.ok(), "{}", plan.status().ToString());
  return *plan;
}

inline std::vector<Cell> Row(const OracleEvent& event, const Schema& fields) {
  const Schema schema = WorldSchema();
  std::vector<Cell> cells;
  for (const Field& field : fields.fields())
    cells.push_back(ToCell(event.columns[schema.Find(field.name).value()]));
  return cells;
}

inline OracleEvent WithoutLate(OracleEvent event) {
  event.columns[kLate] = Null{};
  return event;
}

inline double AsInput(const Value& value) {
  if (const bool* flag = std::get_if<bool>(&value)) return *flag ? 1 : 0;
  if (const int64_t* whole = std::get_if<int64_t>(&value)) return static_cast<double>(*whole);
  if (const double* real = std::get_if<double>(&value)) return *real;
  return std::numeric_limits<double>::quiet_NaN();
}

inline bool SameBits(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

// The batch's vectors for all events: what every path must give.
inline Table Expected(const ServicePlan& plan, const std::vector<OracleEvent>& world) {
  const Table events = ToTable(world);
  Result<Table> vectors = ComputeVectors(plan, events, {{"world", events}});
  MR_CHECK(vectors.ok(), "{}", vectors.status().ToString());
  return *vectors;
}

inline void ExpectVector(const ServicePlan& plan, const Table& expected, size_t row,
                         std::span<const double> got, const std::string& what) {
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_TRUE(SameBits(got[i], AsInput(expected.column(i).Get(row))))
        << what << ", event " << row << ", " << plan.inputs[i].name << ": " << got[i]
        << ", and the batch has " << ToText(expected.column(i).Get(row));
  }
}

class OnlineStoreFixture : public ::testing::Test {
 protected:
  void Start() {
    store_ = MustOpen(directory_.path());
    LoadEmpty(*store_, views_);
  }
  int64_t Accepted(size_t from, size_t count) {
    const std::vector<OracleEvent> some(world_.begin() + static_cast<int64_t>(from),
                                        world_.begin() + static_cast<int64_t>(from + count));
    const Result<AppendResult> result = store_->Append(kKey, ToTable(some));
    return result.ok() ? result->accepted : -1;
  }
  std::string NewestSegment() const {
    std::string newest;
    for (const auto& entry : fs::recursive_directory_iterator(directory_.path())) {
      if (entry.path().extension() == ".wal") newest = std::max(newest, entry.path().string());
    }
    return newest;
  }

  std::mt19937_64 random_{99};
  std::vector<OracleEvent> world_ = RandomEvents(random_, 60);
  std::vector<WorldView> views_ = {WorldViews()[0]};
  TempDirectory directory_;
  std::unique_ptr<OnlineStore> store_;
};

}  // namespace millrace::feature::testing
