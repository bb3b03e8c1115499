// ServicePlan: a model's input, from request fields, expressions and views.
#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/sha256.h"
#include "feature/internal/plan_text.h"
#include "feature/plan.h"

namespace millrace::feature {
namespace {

constexpr size_t kMaxInputs = 65'536;

bool IsModelType(DataType type) {
  return type == DataType::kDouble || type == DataType::kInt64 || type == DataType::kBool;
}

class ServiceCompiler {
 public:
  ServiceCompiler(const std::string& name, const resource::FeatureServiceSpec& spec, const SourcePlan& source,
                  std::span<const ViewPlanPtr> views)
      : known_views_(views) {
    plan_.name = name;
    plan_.spec = spec;
    plan_.source = source;
  }

  Result<ServicePlanPtr> Compile() && {
    if (plan_.spec.items.empty()) return InvalidArgument("spec.features: a service needs at least one input");
    Problems problems;
    problems.Note(Known());
    AddField(plan_.source.event_time_name());
    plan_.event_time = 0;
    if (plan_.source.event_id) {
      AddField(plan_.source.event_id_name());
      plan_.event_id = 1;
    }
    for (size_t i = 0; i < plan_.spec.items.size(); ++i) {
      if (!unknown_[i]) problems.Note(Item(plan_.spec.items[i], fmt::format("spec.features[{}]", i)));
    }
    MR_RETURN_IF_ERROR(problems.ToStatus());
    plan_.fields = Schema(fields_);
    MR_RETURN_IF_ERROR(CompileOverFields());
    MR_RETURN_IF_ERROR(NameInputs());
    if (plan_.inputs.size() > kMaxInputs) {
      return InvalidArgument("spec.features: {} inputs are more than {}", plan_.inputs.size(), kMaxInputs);
    }
    plan_.digest = Sha256Hex(FormatJson(ServiceIdentity(plan_)));
    return ServicePlanPtr(std::make_shared<const ServicePlan>(std::move(plan_)));
  }

 private:
  // Everything that a request could hold: the source's columns and the fields that are declared with a type.
  // Marks the request fields of which nothing tells the type.
  Status Known() {
    Problems problems;
    unknown_.assign(plan_.spec.items.size(), false);
    std::vector<Field> known = plan_.source.schema.fields();
    for (size_t i = 0; i < plan_.spec.items.size(); ++i) {
      const resource::ServiceItem& item = plan_.spec.items[i];
      if (item.kind != resource::ServiceItem::Kind::kRequest) continue;
      const auto column = plan_.source.schema.Find(item.name);
      const std::string where = fmt::format("spec.features[{}].request", i);
      if (column && item.type && *item.type != plan_.source.schema[*column].type) {
        problems.Note(InvalidArgument("{}: {} is {} in {}, not {}", where, item.name,
                                      DataTypeName(plan_.source.schema[*column].type), plan_.source.name,
                                      DataTypeName(*item.type)));
      }
      unknown_[i] = !column && !item.type;
      if (unknown_[i]) {
        const std::vector<std::string> names = plan_.source.schema.Names();
        problems.Note(InvalidArgument("{}: {} has no column '{}'{}; a field that is none needs a type", where,
                                      plan_.source.name, item.name, DidYouMean(item.name, names)));
      } else if (!column) {
        known.push_back({item.name, *item.type});
      }
    }
    known_ = Schema(std::move(known));
    return problems.ToStatus();
  }

  size_t AddField(const std::string& name) {
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i].name == name) return i;
    }
    fields_.push_back(known_[known_.Find(name).value()]);
    return fields_.size() - 1;
  }

  // Nothing of a request may be a column that is known only later.
  Status KnownNow(const std::string& column, const std::string& where) const {
    const auto late = plan_.source.known_after.find(column);
    if (late == plan_.source.known_after.end()) return Ok();
    return InvalidArgument("{}: {} is known only {} after its event, so no request can hold it", where,
                           column, FormatDuration(late->second));
  }

  Status ModelType(DataType type, const std::string& name, const std::string& where) const {
    if (IsModelType(type)) return Ok();
    return InvalidArgument(
        "{}: {} is {}, and a model's input is bool, int64 or double; an expression can make one", where, name,
        DataTypeName(type));
  }

  Status Item(resource::ServiceItem& item, const std::string& where) {
    switch (item.kind) {
      case resource::ServiceItem::Kind::kRequest: {
        MR_RETURN_IF_ERROR(KnownNow(item.name, where + ".request"));
        const DataType type = known_[known_.Find(item.name).value()].type;
        MR_RETURN_IF_ERROR(ModelType(type, item.name, where + ".request"));
        plan_.inputs.push_back({item.name, type, ServiceInput::Kind::kRequest, AddField(item.name), 0});
        return Ok();
      }
      case resource::ServiceItem::Kind::kExpression:
        return ExpressionItem(item, where + ".expression");
      case resource::ServiceItem::Kind::kView:
        return ViewItem(item, where + ".view");
    }
    return Internal("{}: an unknown kind of input", where);
  }

  Status ExpressionItem(resource::ServiceItem& item, const std::string& where) {
    Result<Expression> compiled = Expression::Compile(item.expression, known_);
    if (!compiled.ok()) return compiled.status().WithContext(where);
    for (const std::string& column : compiled->Columns()) {
      MR_RETURN_IF_ERROR(KnownNow(column, where));
      AddField(column);
    }
    MR_RETURN_IF_ERROR(ModelType(compiled->type(), item.name, where));
    item.expression = compiled->Canonical();
    plan_.inputs.push_back(
        {item.name, compiled->type(), ServiceInput::Kind::kExpression, plan_.expressions.size(), 0});
    plan_.expressions.push_back(std::move(*compiled));
    return Ok();
  }

  Result<size_t> UseView(const std::string& name, const std::string& where) {
    for (size_t i = 0; i < plan_.views.size(); ++i) {
      if (plan_.views[i].plan->name == name) return i;
    }
    std::vector<std::string> names;
    for (const ViewPlanPtr& view : known_views_) {
      names.push_back(view->name);
      if (view->name != name) continue;
      ServiceView used;
      used.plan = view;
      used.counts_event = view->source.name == plan_.source.name && view->delay == Micros(0);
      MR_RETURN_IF_ERROR(KeysOf(used, where));
      plan_.views.push_back(std::move(used));
      return plan_.views.size() - 1;
    }
    return InvalidArgument("{}: there is no FeatureView '{}'{}", where, name, DidYouMean(name, names));
  }

  Status KeysOf(ServiceView& used, const std::string& where) {
    for (const size_t key : used.plan->keys) {
      const Field& field = used.plan->source.schema[key];
      const auto found = known_.Find(field.name);
      if (!found) {
        return InvalidArgument("{}: {} is keyed by {}, which is no column of {}; add it as a request field",
                               where, used.plan->name, field.name, plan_.source.name);
      }
      if (known_[*found].type != field.type) {
        return InvalidArgument("{}: {} is keyed by {} as {}, and here it is {}", where, used.plan->name,
                               field.name, DataTypeName(field.type), DataTypeName(known_[*found].type));
      }
      MR_RETURN_IF_ERROR(KnownNow(field.name, where));
      used.keys.push_back(AddField(field.name));
    }
    if (!used.counts_event) return Ok();
    if (used.plan->where) {
      for (const std::string& column : used.plan->where->Columns()) AddField(column);
    }
    for (const Slot& slot : used.plan->slots) {
      for (const std::string& column : slot.expression.Columns()) AddField(column);
    }
    return Ok();
  }

  Status ViewItem(const resource::ServiceItem& item, const std::string& where) {
    MR_ASSIGN_OR_RETURN(const size_t view, UseView(item.name, where));
    std::vector<size_t> outputs;
    if (item.features.empty()) {
      for (size_t i = 0; i < plan_.views[view].plan->outputs.size(); ++i) outputs.push_back(i);
    }
    Problems problems;
    for (const std::string& feature : item.features) {
      Result<std::vector<size_t>> found = plan_.views[view].plan->Outputs(feature);
      if (found.ok()) {
        outputs.insert(outputs.end(), found->begin(), found->end());
      } else {
        problems.Note(InvalidArgument("{}: {}", where, found.status().message()));
      }
    }
    for (const size_t output : outputs) {
      const ViewOutput& made = plan_.views[view].plan->outputs[output];
      problems.Note(ModelType(made.type, made.name, where));
      plan_.inputs.push_back({made.name, made.type, ServiceInput::Kind::kView, view, output});
    }
    return problems.ToStatus();
  }

  // The same formulas over the row of a request.
  Status CompileOverFields() {
    for (Expression& expression : plan_.expressions) {
      MR_ASSIGN_OR_RETURN(expression, Expression::Compile(expression.Canonical(), plan_.fields));
    }
    for (ServiceView& view : plan_.views) {
      if (!view.counts_event) continue;
      if (view.plan->where) {
        MR_ASSIGN_OR_RETURN(view.where, Expression::Compile(view.plan->where->Canonical(), plan_.fields));
      }
      for (const Slot& slot : view.plan->slots) {
        MR_ASSIGN_OR_RETURN(Expression over_row,
                            Expression::Compile(slot.expression.Canonical(), plan_.fields));
        view.slots.push_back(std::move(over_row));
      }
    }
    return Ok();
  }

  Status NameInputs() {
    std::map<std::string, int> times;
    for (const ServiceInput& input : plan_.inputs) ++times[input.name];
    for (ServiceInput& input : plan_.inputs) {
      if (times[input.name] > 1 && input.kind == ServiceInput::Kind::kView) {
        input.name = fmt::format("{}__{}", plan_.views[input.index].plan->name, input.name);
      }
    }
    std::set<std::string> seen;
    for (const ServiceInput& input : plan_.inputs) {
      if (!seen.insert(input.name).second) {
        return InvalidArgument("spec.features: the input {} is listed twice", input.name);
      }
    }
    return Ok();
  }

  ServicePlan plan_;
  std::span<const ViewPlanPtr> known_views_;
  Schema known_;
  std::vector<bool> unknown_;  // by item: a request field whose type nothing tells
  std::vector<Field> fields_;
};

bool Reads(const Expression& expression, const std::string& column) {
  const std::vector<std::string>& columns = expression.Columns();
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

}  // namespace

Result<ServicePlanPtr> CompileService(const std::string& name, const resource::FeatureServiceSpec& spec,
                                      const SourcePlan& source, std::span<const ViewPlanPtr> views) {
  Result<ServicePlanPtr> plan = ServiceCompiler(name, spec, source, views).Compile();
  if (!plan.ok()) return plan.status().WithContext(fmt::format("FeatureService {}", name));
  return plan;
}

std::vector<std::string> ServicePlan::InputNames() const {
  std::vector<std::string> names;
  for (const ServiceInput& input : inputs) names.push_back(input.name);
  return names;
}

Schema ServicePlan::InputSchema() const {
  std::vector<Field> made;
  for (const ServiceInput& input : inputs) made.push_back({input.name, input.type});
  return Schema(std::move(made));
}

Status CheckLabel(const SourcePlan& source, const std::string& label, Micros gap) {
  MR_ASSIGN_OR_RETURN(const size_t column, FindColumn(source.schema, label, "spec.label"));
  if (!IsModelType(source.schema[column].type)) {
    return InvalidArgument("spec.label: {} is {}, and a label is bool, int64 or double", label,
                           DataTypeName(source.schema[column].type));
  }
  const auto late = source.known_after.find(label);
  if (late != source.known_after.end() && late->second > gap) {
    return InvalidArgument(
        "spec.split.gap: the label {} is known only {} after its event, and the gap is {}; training would "
        "use "
        "labels that nobody had at the test's start: make it {} or more",
        label, FormatDuration(late->second), FormatDuration(gap), FormatDuration(late->second));
  }
  return Ok();
}

Status CheckLabel(const ServicePlan& plan, const std::string& label, Micros gap) {
  MR_RETURN_IF_ERROR(CheckLabel(plan.source, label, gap));
  const auto leaks = [&](const std::string& input) {
    return InvalidArgument("spec.input: {} of {} reads the label {} of the very event that is scored", input,
                           plan.name, label);
  };
  for (const ServiceInput& input : plan.inputs) {
    switch (input.kind) {
      case ServiceInput::Kind::kRequest:
        if (input.name == label) return leaks(input.name);
        break;
      case ServiceInput::Kind::kExpression:
        if (Reads(plan.expressions[input.index], label)) return leaks(input.name);
        break;
      case ServiceInput::Kind::kView: {
        const ServiceView& view = plan.views[input.index];
        if (!view.counts_event) break;
        const Aggregation& made = view.plan->aggregations[view.plan->outputs[input.output].aggregation];
        const bool reads = (made.of && Reads(view.plan->slots[*made.of].expression, label)) ||
                           (made.where && Reads(view.plan->slots[*made.where].expression, label)) ||
                           (view.plan->where && Reads(*view.plan->where, label));
        if (reads) return leaks(input.name);
        break;
      }
    }
  }
  return Ok();
}

}  // namespace millrace::feature
