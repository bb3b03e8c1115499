#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

#include "feature/internal/scorer_state.h"

namespace millrace::feature {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

double ToDouble(DataType type, uint64_t word) {
  return type == DataType::kDouble ? std::bit_cast<double>(word)
                                   : static_cast<double>(static_cast<int64_t>(word));
}

double ToDouble(DataType type, const Cell& cell) {
  if (cell.is_null()) return kMissing;
  if (type == DataType::kDouble) return cell.real;
  if (type == DataType::kBool) return cell.boolean != 0 ? 1.0 : 0.0;
  return static_cast<double>(cell.integer);
}

double ToDouble(const Value& value) {
  switch (value.index()) {
    case 1:
      return std::get<1>(value) ? 1.0 : 0.0;
    case 2:
      return static_cast<double>(std::get<2>(value));
    case 3:
      return std::get<3>(value);
    default:
      return kMissing;
  }
}

Value ToValue(DataType type, uint64_t word) {
  switch (type) {
    case DataType::kBool:
      return word != 0;
    case DataType::kDouble:
      return std::bit_cast<double>(word);
    case DataType::kTimestamp:
      return EventTime{static_cast<int64_t>(word)};
    default:
      return static_cast<int64_t>(word);
  }
}

// A count of nothing is 0, also for a key that was never seen or is null.
double EmptyValue(const ViewPlan& plan, const ViewOutput& output) {
  return ToDouble(plan.aggregations[output.aggregation].default_value);
}

}  // namespace

Scorer::State::Scratch::Scratch(const ServicePlan& plan) {
  for (const Expression& expression : plan.expressions) expressions.emplace_back(expression);
  for (const ServiceView& view : plan.views) {
    View made;
    if (view.where) made.where.emplace_back(*view.where);
    for (const Expression& slot : view.slots) made.slots.emplace_back(slot);
    made.cells.resize(view.slots.size());
    made.key_parts.resize(view.keys.size());
    views.push_back(std::move(made));
  }
}

Scorer::State::State(ServicePlanPtr plan) : plan_(std::move(plan)), targets_(plan_->views.size()) {
  std::vector<uint32_t> order(plan_->inputs.size());
  std::iota(order.begin(), order.end(), 0);
  // Window by window, so that each is moved once.
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const auto window = [&](const ServiceInput& input) {
      return input.kind == ServiceInput::Kind::kView
                 ? plan_->views[input.index].plan->outputs[input.output].window
                 : 0;
    };
    return window(plan_->inputs[a]) < window(plan_->inputs[b]);
  });
  for (const uint32_t i : order) {
    const ServiceInput& input = plan_->inputs[i];
    if (input.kind != ServiceInput::Kind::kView) continue;
    Target& target = targets_[input.index];
    const ViewPlan& view = *plan_->views[input.index].plan;
    target.outputs.push_back(static_cast<uint32_t>(input.output));
    target.inputs.push_back(i);
    target.types.push_back(input.type);
    target.defaults.push_back(EmptyValue(view, view.outputs[input.output]));
  }
  for (size_t view = 0; view < targets_.size(); ++view) {
    for (const size_t field : plan_->views[view].keys)
      targets_[view].key_types.push_back(plan_->fields[field].type);
  }
}

bool Scorer::State::IsBound() const {
  return std::none_of(sources_.begin(), sources_.end(), [](const auto& source) { return source->dropped(); });
}

std::unique_ptr<Scorer::State::Scratch> Scorer::State::Borrow() {
  {
    const std::lock_guard lock(pool_mutex_);
    if (!pool_.empty()) {
      std::unique_ptr<Scratch> scratch = std::move(pool_.back());
      pool_.pop_back();
      return scratch;
    }
  }
  return std::make_unique<Scratch>(*plan_);
}

void Scorer::State::Return(std::unique_ptr<Scratch> scratch) {
  const std::lock_guard lock(pool_mutex_);
  pool_.push_back(std::move(scratch));
}

Status Scorer::State::Score(std::span<const Cell> row, std::span<double> out) {
  if (row.size() != plan_->fields.size() || out.size() != plan_->inputs.size()) {
    return InvalidArgument("{} takes {} fields and gives {} inputs, not {} and {}", plan_->name,
                           plan_->fields.size(), plan_->inputs.size(), row.size(), out.size());
  }
  const Cell& time = row[plan_->event_time];
  if (time.is_null() || time.integer <= kBeginningOfTime || time.integer >= -kBeginningOfTime) {
    return InvalidArgument("the request has no {} that can be used", plan_->fields[plan_->event_time].name);
  }
  Position at;
  at.time = time.integer;
  if (plan_->event_id && !row[*plan_->event_id].is_null()) {
    at.kind = Position::Kind::kId;
    at.id = row[*plan_->event_id];
  }
  std::unique_ptr<Scratch> scratch = Borrow();
  for (size_t i = 0; i < plan_->inputs.size(); ++i) {
    const ServiceInput& input = plan_->inputs[i];
    if (input.kind == ServiceInput::Kind::kRequest) {
      out[i] = ToDouble(input.type, row[input.index]);
    } else if (input.kind == ServiceInput::Kind::kExpression) {
      out[i] = ToDouble(input.type,
                        plan_->expressions[input.index].EvaluateRow(row, scratch->expressions[input.index]));
    }
  }
  Status status;
  for (size_t view = 0; view < plan_->views.size() && status.ok(); ++view) {
    status = ScoreView(view, row, at, *scratch, out);
  }
  Return(std::move(scratch));
  return status;
}

Status Scorer::State::ScoreView(size_t view, std::span<const Cell> row, const Position& request, Scratch& all,
                                std::span<double> out) {
  const ServiceView& used = plan_->views[view];
  const Target& target = targets_[view];
  Scratch::View& scratch = all.views[view];
  const std::shared_ptr<SourceState> source = sources_[view]->state();
  ViewState* const state = source->FindDigest(used.plan->digest);
  if (state == nullptr) {
    return FailedPrecondition("FeatureView {} was replaced, and {} is compiled with an older one",
                              used.plan->name, plan_->name);
  }
  for (size_t i = 0; i < used.keys.size(); ++i) scratch.key_parts[i] = row[used.keys[i]];
  if (!scratch.key.Set(scratch.key_parts, target.key_types)) {
    for (size_t i = 0; i < target.inputs.size(); ++i) out[target.inputs[i]] = target.defaults[i];
    return Ok();
  }
  bool counts = used.counts_event;
  if (counts && used.where) {
    const Cell passes = used.where->EvaluateRow(row, scratch.where[0]);
    counts = !passes.is_null() && passes.boolean != 0;
  }
  for (size_t i = 0; counts && i < used.slots.size(); ++i) {
    const Expression& slot = used.slots[i];
    scratch.cells[i] =
        slot.IsColumn() ? row[slot.ColumnIndices()[0]] : slot.EvaluateRow(row, scratch.slots[i]);
  }
  const std::span<const Cell> own(scratch.cells);
  // Events of another source have no common order with the request: all of that instant are before it.
  Position at = request;
  if (used.plan->source.name != plan_->source.name) at.kind = Position::Kind::kLast;
  ViewRead read;
  state->Read(scratch.key, at, counts ? &own : nullptr, target.outputs, scratch.read, read,
              [](size_t, std::string_view) {});
  for (size_t i = 0; i < target.inputs.size(); ++i) {
    const FeatureWord& word = read.words[i];
    double value = kMissing;
    if (read.expired) {
      value = kMissing;
    } else if (word.state == FeatureWord::State::kValue) {
      value = ToDouble(target.types[i], word.word);
    } else if (word.state == FeatureWord::State::kEmpty) {
      value = target.defaults[i];
    }
    out[target.inputs[i]] = value;
  }
  return Ok();
}

const ServicePlan& Scorer::plan() const { return state_->plan(); }

Status Scorer::Score(std::span<const Cell> row, std::span<double> out) const {
  return state_->Score(row, out);
}

bool Scorer::IsBound() const { return state_->IsBound(); }

Result<FeatureRow> LookupRow(ViewState& view, std::span<const Value> keys, int64_t time) {
  const ViewPlan& plan = view.plan();
  const std::span<const DataType> types = view.key_types();
  if (keys.size() != types.size()) {
    return InvalidArgument("FeatureView {} has {} key columns, and {} values are given", plan.name,
                           types.size(), keys.size());
  }
  std::vector<Cell> parts;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!IsNull(keys[i]) && TypeOf(keys[i]) != types[i]) {
      return InvalidArgument("{} is {}, and {} of FeatureView {} is {}", ToText(keys[i]),
                             DataTypeName(*TypeOf(keys[i])), plan.spec.entities[i], plan.name,
                             DataTypeName(types[i]));
    }
    parts.push_back(ToCell(keys[i]));
  }
  if (time <= kBeginningOfTime || time >= -kBeginningOfTime) time = 0;
  std::vector<uint32_t> outputs(plan.outputs.size());
  std::iota(outputs.begin(), outputs.end(), 0);
  std::vector<std::string> texts(outputs.size());
  KeyBytes key;
  ViewScratch scratch;
  ViewRead read;
  scratch.words.assign(outputs.size(), FeatureWord());
  read.words = scratch.words;
  if (key.Set(parts, types)) {
    view.Read(key, {time, Position::Kind::kLast, Cell(), 0}, nullptr, outputs, scratch, read,
              [&](size_t i, std::string_view text) { texts[i] = text; });
  }
  FeatureRow row;
  if (read.newest) row.newest = EventTime{*read.newest};
  for (size_t i = 0; i < outputs.size(); ++i) {
    const ViewOutput& output = plan.outputs[i];
    Value value;
    if (read.expired) {
      value = Null{};
    } else if (read.words[i].state == FeatureWord::State::kEmpty) {
      value = plan.aggregations[output.aggregation].default_value;
    } else if (read.words[i].state == FeatureWord::State::kValue) {
      value = output.type == DataType::kString ? Value(texts[i]) : ToValue(output.type, read.words[i].word);
    }
    row.statuses.push_back(!read.known     ? FeatureStatus::kNotFound
                           : read.expired  ? FeatureStatus::kOutsideMaxAge
                           : IsNull(value) ? FeatureStatus::kNullValue
                                           : FeatureStatus::kPresent);
    row.values.push_back(std::move(value));
  }
  return row;
}

}  // namespace millrace::feature
