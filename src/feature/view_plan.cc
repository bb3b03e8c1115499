// ViewPlan: names resolved, types and leakage checked.
#include <algorithm>
#include <array>
#include <set>

#include "base/json.h"
#include "base/sha256.h"
#include "base/text.h"
#include "feature/internal/plan_text.h"
#include "feature/plan.h"

namespace millrace::feature {
namespace {

constexpr size_t kMaxOutputs = 4096;
constexpr size_t kMaxSlots = 256;

constexpr std::array<std::pair<std::string_view, Aggregate>, 10> kAggregates = {
    {{"count", Aggregate::kCount},
     {"sum", Aggregate::kSum},
     {"mean", Aggregate::kMean},
     {"min", Aggregate::kMin},
     {"max", Aggregate::kMax},
     {"stddev", Aggregate::kStddev},
     {"first", Aggregate::kFirst},
     {"last", Aggregate::kLast},
     {"distinct", Aggregate::kDistinct},
     {"time_since_last", Aggregate::kTimeSinceLast}}};

Result<Aggregate> ParseAggregate(const std::string& name, const std::string& where) {
  std::vector<std::string> names;
  for (const auto& [known, aggregate] : kAggregates) {
    if (known == name) return aggregate;
    names.emplace_back(known);
  }
  return InvalidArgument("{}: '{}' is no aggregate{}; there are {}", where, name, DidYouMean(name, names),
                         Join(names, ", "));
}

bool TakesNoValue(Aggregate aggregate) {
  return aggregate == Aggregate::kCount || aggregate == Aggregate::kTimeSinceLast;
}

bool IsNumber(DataType type) {
  return type == DataType::kDouble || type == DataType::kInt64 || type == DataType::kBool;
}

// The type of an aggregate over values of type `of`.
Result<DataType> TypeOfAggregate(Aggregate aggregate, DataType of, const std::string& where) {
  switch (aggregate) {
    case Aggregate::kCount:
    case Aggregate::kDistinct:
      return DataType::kInt64;
    case Aggregate::kTimeSinceLast:
      return DataType::kDouble;
    case Aggregate::kSum:
    case Aggregate::kMean:
    case Aggregate::kStddev:
      if (!IsNumber(of)) {
        return InvalidArgument("{}: a {} needs numbers (bool, int64 or double), and this is {}", where,
                               aggregate == Aggregate::kSum ? "sum" : "mean or stddev", DataTypeName(of));
      }
      if (aggregate == Aggregate::kSum && of != DataType::kDouble) return DataType::kInt64;
      return DataType::kDouble;
    case Aggregate::kMin:
    case Aggregate::kMax:
      if (of == DataType::kString) {
        return InvalidArgument("{}: min and max take bool, int64, double or timestamp, and this is string",
                               where);
      }
      return of;
    case Aggregate::kFirst:
    case Aggregate::kLast:
      return of;
  }
  return Internal("{}: an unknown aggregate", where);
}

Result<Value> DefaultOf(const Json& json, DataType type, const std::string& where) {
  const auto wrong = [&] {
    return InvalidArgument("{}: the default {} is no {}", where, FormatJson(json), DataTypeName(type));
  };
  if (json.is_null()) return Value(Null{});
  switch (type) {
    case DataType::kBool:
      if (json.is_boolean()) return Value(json.get<bool>());
      return wrong();
    case DataType::kInt64:
      if (json.is_number_unsigned() && json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
        return wrong();
      if (json.is_number_integer()) return Value(json.get<int64_t>());
      return wrong();
    case DataType::kDouble:
      if (json.is_number()) return Value(json.get<double>());
      return wrong();
    case DataType::kString:
      if (json.is_string()) return Value(json.get<std::string>());
      return wrong();
    case DataType::kTimestamp: {
      if (!json.is_string()) return wrong();
      const Result<EventTime> time = ParseTime(json.get<std::string>());
      if (!time.ok()) return time.status().WithContext(where);
      return Value(*time);
    }
  }
  return wrong();
}

// Builds one ViewPlan; its members are the plan's while it grows.
class ViewCompiler {
 public:
  ViewCompiler(const std::string& name, const resource::FeatureViewSpec& spec, const SourcePlan& source) {
    plan_.name = name;
    plan_.source = source;
    plan_.spec = spec;
  }

  Result<ViewPlanPtr> Compile() && {
    Problems problems;
    problems.Note(Keys());
    problems.Note(Times());
    problems.Note(Where());
    problems.Note(Features());
    MR_RETURN_IF_ERROR(problems.ToStatus());
    MR_RETURN_IF_ERROR(LateInputs());
    Outputs();
    plan_.digest = Sha256Hex(FormatJson(ViewIdentity(plan_)));
    return ViewPlanPtr(std::make_shared<const ViewPlan>(std::move(plan_)));
  }

 private:
  Status Keys() {
    if (plan_.spec.source != plan_.source.name) {
      return InvalidArgument("spec.source: the view reads {}, not {}", plan_.spec.source, plan_.source.name);
    }
    if (plan_.spec.entities.empty())
      return InvalidArgument("spec.entities: a view needs at least one key column");
    Problems problems;
    for (size_t i = 0; i < plan_.spec.entities.size(); ++i) {
      problems.Note(Key(plan_.spec.entities[i], fmt::format("spec.entities[{}]", i)));
    }
    return problems.ToStatus();
  }

  Status Key(const std::string& entity, const std::string& where) {
    MR_ASSIGN_OR_RETURN(const size_t column, FindColumn(plan_.source.schema, entity, where));
    if (std::find(plan_.keys.begin(), plan_.keys.end(), column) != plan_.keys.end()) {
      return InvalidArgument("{}: {} is listed twice", where, entity);
    }
    if (plan_.source.schema[column].type == DataType::kDouble) {
      return InvalidArgument("{}: {} is double, and a key is int64, string, bool or timestamp", where,
                             entity);
    }
    if (plan_.source.known_after.contains(entity)) {
      return InvalidArgument("{}: {} is known only {} after its event, so it cannot be a key", where, entity,
                             FormatDuration(plan_.source.known_after.at(entity)));
    }
    plan_.keys.push_back(column);
    return Ok();
  }

  Status Times() {
    plan_.delay = plan_.spec.delay;
    const auto bounded = [](Micros length) { return length.count() >= 0 && length <= kLongestTime; };
    if (!bounded(plan_.spec.delay)) return InvalidArgument("spec.delay: must lie between 0 and 36500d");
    if (plan_.spec.windows.empty())
      return InvalidArgument("spec.windows: a view needs at least one window, such as 7d");
    std::set<Micros> seen;
    for (size_t i = 0; i < plan_.spec.windows.size(); ++i) {
      const Micros window = plan_.spec.windows[i];
      if (!bounded(window) || window.count() == 0) {
        return InvalidArgument("spec.windows[{}]: must be longer than 0 and at most 36500d", i);
      }
      if (!seen.insert(window).second) {
        return InvalidArgument("spec.windows[{}]: {} is listed twice", i, FormatDuration(window));
      }
    }
    if (plan_.spec.ttl && !bounded(*plan_.spec.ttl)) {
      return InvalidArgument("spec.ttl: must lie between 0 (unlimited) and 36500d");
    }
    if (plan_.spec.ttl && plan_.spec.ttl->count() == 0) plan_.spec.ttl.reset();
    plan_.windows = plan_.spec.windows;
    plan_.ttl = plan_.spec.ttl;
    return Ok();
  }

  Result<Expression> CompileText(const std::string& text, const std::string& where) {
    Result<Expression> compiled = Expression::Compile(text, plan_.source.schema);
    if (!compiled.ok()) return compiled.status().WithContext(where);
    for (const std::string& column : compiled->Columns()) {
      const auto late = plan_.source.known_after.find(column);
      if (late != plan_.source.known_after.end() && late->second > plan_.delay) {
        return InvalidArgument(
            "{}: {} is known only {} after its event, and the view's delay is {}; a delay of {} or more "
            "keeps "
            "what is not known yet out of the features",
            where, column, FormatDuration(late->second), FormatDuration(plan_.delay),
            FormatDuration(late->second));
      }
    }
    return compiled;
  }

  Result<Expression> CompileCondition(const std::string& text, const std::string& where) {
    MR_ASSIGN_OR_RETURN(Expression condition, CompileText(text, where));
    if (condition.type() != DataType::kBool) {
      return InvalidArgument("{}: a condition is bool, and this is {}", where,
                             DataTypeName(condition.type()));
    }
    return condition;
  }

  bool IsLate(const Expression& expression) const {
    return std::any_of(expression.Columns().begin(), expression.Columns().end(),
                       [&](const std::string& column) { return plan_.source.known_after.contains(column); });
  }

  // A condition that reads what is known later cannot decide when the event
  // comes; it becomes part of each feature's condition instead.
  Status Where() {
    if (plan_.spec.where.empty()) return Ok();
    MR_ASSIGN_OR_RETURN(Expression condition, CompileCondition(plan_.spec.where, "spec.where"));
    plan_.spec.where = condition.Canonical();
    if (IsLate(condition)) {
      late_where_ = condition.Canonical();
    } else {
      plan_.where = std::move(condition);
    }
    return Ok();
  }

  Result<size_t> AddSlot(Expression expression, const std::string& where) {
    for (size_t i = 0; i < plan_.slots.size(); ++i) {
      if (plan_.slots[i].expression.Canonical() == expression.Canonical()) return i;
    }
    if (plan_.slots.size() == kMaxSlots) {
      return InvalidArgument("{}: a view keeps at most {} different values an event", where, kMaxSlots);
    }
    const bool late = IsLate(expression);
    const DataType type = expression.type();
    plan_.slots.push_back({std::move(expression), type, late});
    return plan_.slots.size() - 1;
  }

  Status Features() {
    if (plan_.spec.features.empty())
      return InvalidArgument("spec.features: a view needs at least one feature");
    if (plan_.spec.features.size() * plan_.windows.size() > kMaxOutputs) {
      return InvalidArgument("spec.features: {} features over {} windows are more than {}",
                             plan_.spec.features.size(), plan_.windows.size(), kMaxOutputs);
    }
    Problems problems;
    std::set<std::string> names;
    for (size_t i = 0; i < plan_.spec.features.size(); ++i) {
      const std::string where = fmt::format("spec.features[{}]", i);
      if (!names.insert(plan_.spec.features[i].name).second) {
        problems.Note(
            InvalidArgument("{}.name: {} is taken by another feature", where, plan_.spec.features[i].name));
      }
      problems.Note(Feature(plan_.spec.features[i], where));
    }
    return problems.ToStatus();
  }

  Status Feature(resource::FeatureSpec& spec, const std::string& where) {
    Aggregation made;
    made.name = spec.name;
    if (spec.name.empty()) return InvalidArgument("{}.name: a feature needs a name", where);
    MR_ASSIGN_OR_RETURN(made.aggregate, ParseAggregate(spec.aggregate, where + ".aggregate"));
    Problems problems;
    problems.Note(Of(spec, made, where));
    problems.Note(Condition(spec, made, where));
    MR_RETURN_IF_ERROR(problems.ToStatus());
    plan_.aggregations.push_back(std::move(made));
    return Ok();
  }

  // The value that is aggregated, and what stands for it over an empty window.
  Status Of(resource::FeatureSpec& spec, Aggregation& made, const std::string& where) {
    if (TakesNoValue(made.aggregate) && !spec.of.empty()) {
      return InvalidArgument("{}.of: {} counts events and takes no value; leave it out", where,
                             spec.aggregate);
    }
    if (!TakesNoValue(made.aggregate) && spec.of.empty()) {
      return InvalidArgument("{}.of: {} needs a column or an expression here", where, spec.aggregate);
    }
    DataType type = DataType::kInt64;
    if (!spec.of.empty()) {
      MR_ASSIGN_OR_RETURN(Expression of, CompileText(spec.of, where + ".of"));
      spec.of = of.Canonical();
      type = of.type();
      MR_ASSIGN_OR_RETURN(made.of, AddSlot(std::move(of), where));
    }
    MR_ASSIGN_OR_RETURN(made.type, TypeOfAggregate(made.aggregate, type, where + ".of"));
    MR_ASSIGN_OR_RETURN(made.default_value, DefaultOf(spec.default_value, made.type, where + ".default"));
    if (IsNull(made.default_value) &&
        (made.aggregate == Aggregate::kCount || made.aggregate == Aggregate::kDistinct)) {
      made.default_value = int64_t{0};
    }
    return Ok();
  }

  Status Condition(resource::FeatureSpec& spec, Aggregation& made, const std::string& where) {
    std::string text = late_where_;
    if (!spec.where.empty()) {
      MR_ASSIGN_OR_RETURN(const Expression own, CompileCondition(spec.where, where + ".where"));
      spec.where = own.Canonical();
      text = text.empty() ? spec.where : fmt::format("({}) and ({})", text, spec.where);
    }
    if (text.empty()) return Ok();
    MR_ASSIGN_OR_RETURN(Expression condition, CompileCondition(text, where + ".where"));
    MR_ASSIGN_OR_RETURN(made.where, AddSlot(std::move(condition), where));
    return Ok();
  }

  // A formula over a column that is known later is computed again when that
  // arrives, from all its columns: they are kept, too.
  Status LateInputs() {
    for (size_t i = 0; i < plan_.slots.size(); ++i) {
      if (!plan_.slots[i].known_later || plan_.slots[i].expression.IsColumn()) continue;
      const std::vector<std::string> columns = plan_.slots[i].expression.Columns();
      for (const std::string& column : columns) {
        MR_ASSIGN_OR_RETURN(Expression plain, Expression::Compile(QuoteName(column), plan_.source.schema));
        MR_RETURN_IF_ERROR(AddSlot(std::move(plain), "spec.features").status());
      }
    }
    return Ok();
  }

  void Outputs() {
    for (size_t a = 0; a < plan_.aggregations.size(); ++a) {
      const Aggregation& aggregation = plan_.aggregations[a];
      for (size_t w = 0; w < plan_.windows.size(); ++w) {
        plan_.outputs.push_back({fmt::format("{}_{}", aggregation.name, FormatDuration(plan_.windows[w])),
                                 aggregation.type, a, w});
      }
    }
  }

  ViewPlan plan_;
  std::string late_where_;
};

}  // namespace

Result<ViewPlanPtr> CompileView(const std::string& name, const resource::FeatureViewSpec& spec,
                                const SourcePlan& source) {
  Result<ViewPlanPtr> plan = ViewCompiler(name, spec, source).Compile();
  if (!plan.ok()) return plan.status().WithContext(fmt::format("FeatureView {}", name));
  return plan;
}

Micros ViewPlan::Reach() const { return delay + *std::max_element(windows.begin(), windows.end()); }

Schema ViewPlan::OutputSchema() const {
  std::vector<Field> fields;
  for (const ViewOutput& output : outputs) fields.push_back({output.name, output.type});
  return Schema(std::move(fields));
}

bool ViewPlan::Reads(std::string_view column) const {
  const auto named = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), column) != names.end();
  };
  return column == source.event_time_name() || column == source.event_id_name() || named(spec.entities) ||
         (where && named(where->Columns())) || std::any_of(slots.begin(), slots.end(), [&](const Slot& slot) {
           return named(slot.expression.Columns());
         });
}

Result<std::vector<size_t>> ViewPlan::Outputs(std::string_view reference) const {
  std::vector<size_t> found;
  std::vector<std::string> names;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].name == reference) return std::vector<size_t>{i};
    if (aggregations[outputs[i].aggregation].name == reference) found.push_back(i);
    names.push_back(outputs[i].name);
  }
  if (!found.empty()) return found;
  return NotFound("FeatureView {} has no feature '{}'{}", name, reference, DidYouMean(reference, names));
}

}  // namespace millrace::feature
