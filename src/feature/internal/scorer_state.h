// What a Scorer computes with: which outputs of which view go where, and a pool of
// scratch space, so that scoring from any thread allocates nothing once warm.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "feature/internal/online_source.h"
#include "feature/internal/view_state.h"
#include "feature/online_store.h"

namespace millrace::feature {

class Scorer::State {
 public:
  explicit State(ServicePlanPtr plan);

  // Of the plan's views, in order.
  void AddSource(std::shared_ptr<OnlineSource> source) { sources_.push_back(std::move(source)); }
  const ServicePlan& plan() const { return *plan_; }
  Status Score(std::span<const Cell> row, std::span<double> out);
  bool IsBound() const;

 private:
  // One thread's programs and buffers for one row.
  struct Scratch {
    explicit Scratch(const ServicePlan& plan);
    std::vector<Expression::Scratch> expressions;
    struct View {
      std::vector<Expression::Scratch> where;
      std::vector<Expression::Scratch> slots;
      std::vector<Cell> cells;
      std::vector<Cell> key_parts;
      KeyBytes key;
      ViewScratch read;
    };
    std::vector<View> views;
  };
  struct Target {
    std::vector<uint32_t> outputs;  // of the view, window by window
    std::vector<uint32_t> inputs;   // of the plan, beside them
    std::vector<DataType> types;
    std::vector<double> defaults;  // NaN for none
    std::vector<DataType> key_types;
  };

  Status ScoreView(size_t view, std::span<const Cell> row, const Position& at, Scratch& scratch,
                   std::span<double> out);
  std::unique_ptr<Scratch> Borrow();
  void Return(std::unique_ptr<Scratch> scratch);

  ServicePlanPtr plan_;
  std::vector<Target> targets_;
  std::vector<std::shared_ptr<OnlineSource>> sources_;
  std::mutex pool_mutex_;
  std::vector<std::unique_ptr<Scratch>> pool_;
};

// Features of one key at a time, after every event at that instant.
Result<FeatureRow> LookupRow(ViewState& view, std::span<const Value> keys, int64_t time);

}  // namespace millrace::feature
