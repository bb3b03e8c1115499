#include "training/parameters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <span>

#include "base/json.h"
#include "base/text.h"
#include "training/internal/parameter_table.h"

namespace millrace::training {
namespace {

using internal::FindRule;
using internal::Kind;
using internal::kInfinity;
using internal::kRules;
using internal::Rule;

std::string BoundsText(const Rule& rule) {
  if (rule.low == -kInfinity && rule.high == kInfinity) return "";
  if (rule.high == kInfinity) return fmt::format("{} {}", rule.open_low ? "above" : "at least", rule.low);
  return fmt::format("{}{}, {}]", rule.open_low ? '(' : '[', rule.low, rule.high);
}

std::string Shown(const Json& value) {
  std::string text = FormatJson(value);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

Status Wrong(const Json& value, std::string_view right) {
  return InvalidArgument("is {}; it must be {}", Shown(value), right);
}

Result<std::string> NumberText(const Rule& rule, const Json& value) {
  const std::string bounds = BoundsText(rule);
  const std::string right = fmt::format("a {}{}{}", rule.kind == Kind::kInteger ? "whole number" : "number",
                                        bounds.empty()     ? ""
                                        : bounds[0] == 'a' ? " of "
                                                           : " in ",
                                        bounds);
  if (!value.is_number()) return Wrong(value, right);
  const double number = value.get<double>();
  const bool whole = number == std::floor(number) && std::abs(number) < 9e15;
  if (!std::isfinite(number) || (rule.kind == Kind::kInteger && !whole)) return Wrong(value, right);
  if (number < rule.low || number > rule.high || (rule.open_low && number == rule.low))
    return Wrong(value, right);
  return rule.kind == Kind::kInteger ? fmt::format("{}", static_cast<int64_t>(number))
                                     : fmt::format("{}", number);
}

// One metric's name; "error@0.7" has a threshold.
bool IsMetric(const Rule& rule, const std::string& name) {
  const std::vector<std::string> known = Split(rule.choices, ' ');
  if (std::find(known.begin(), known.end(), name) != known.end()) return true;
  if (!name.starts_with("error@")) return false;
  double threshold = 0;
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + 6, end, threshold);
  return error == std::errc() && rest == end && threshold >= 0 && threshold <= 1;
}

Result<std::vector<std::string>> Metrics(const Rule& rule, const Json& value) {
  const Json list = value.is_array() ? value : Json::array({value});
  const std::string right = "one or several of " + Join(Split(rule.choices, ' '), ", ");
  std::vector<std::string> names;
  if (list.empty() || list.size() > 16) return Wrong(value, right);
  for (const Json& entry : list) {
    if (!entry.is_string() || !IsMetric(rule, entry.get<std::string>())) return Wrong(value, right);
    names.push_back(entry.get<std::string>());
  }
  return names;
}

Result<std::string> ChoiceText(const Rule& rule, const Json& value) {
  const std::vector<std::string> choices = Split(rule.choices, ' ');
  if (value.is_string() &&
      std::find(choices.begin(), choices.end(), value.get<std::string>()) != choices.end()) {
    return value.get<std::string>();
  }
  const std::string near = value.is_string() ? Nearest(value.get<std::string>(), choices) : "";
  return Wrong(value, choices.size() == 1 ? fmt::format("'{}'", choices[0])
                      : near.empty()
                          ? "one of " + Join(choices, ", ")
                          : fmt::format("one of {}; did you mean '{}'?", Join(choices, ", "), near));
}

// XGBoost wants "(1,0,-1)" and "[[0,1],[2]]"; lists of YAML become that.
Result<std::string> ConstraintsText(const Rule& rule, const Json& value) {
  if (value.is_string() && value.get<std::string>().size() <= 65'536) return value.get<std::string>();
  if (!value.is_array() || value.size() > 100'000)
    return Wrong(value, "a list, or XGBoost's own text for it");
  std::string text = FormatJson(value);
  if (rule.name == "monotone_constraints") {
    const bool right = std::all_of(value.begin(), value.end(), [](const Json& sign) {
      return sign.is_number_integer() && sign.get<int64_t>() >= -1 && sign.get<int64_t>() <= 1;
    });
    if (!right) return Wrong(value, "a list of -1, 0 and 1, one for each feature");
    text.front() = '(';
    text.back() = ')';
  }
  return text;
}

Result<std::string> ValueText(const Rule& rule, const Json& value) {
  switch (rule.kind) {
    case Kind::kInteger:
    case Kind::kNumber:
      return NumberText(rule, value);
    case Kind::kBoolean:
      if (value.is_boolean()) return std::string(value.get<bool>() ? "1" : "0");
      if (value.is_number_integer() && (value == 0 || value == 1)) return std::string(value == 1 ? "1" : "0");
      return Wrong(value, "true or false");
    case Kind::kChoice:
      return ChoiceText(rule, value);
    case Kind::kConstraints:
      return ConstraintsText(rule, value);
    case Kind::kMetrics:
      break;
  }
  return Internal("'{}' has no rule", rule.name);
}

Status Unknown(const std::string& name) {
  std::vector<std::string> names;
  for (const Rule& rule : kRules) names.emplace_back(rule.name);
  const std::string near = Nearest(name, names);
  return InvalidArgument(
      "is no parameter of XGBoost's tree boosters; {}",
      near.empty() ? "they are " + Join(names, ", ") : fmt::format("did you mean '{}'?", near));
}

// Reads an object of parameters, collecting every problem.
class Reader {
 public:
  void Read(const Json& parameters) {
    for (const auto& [name, value] : parameters.items()) {
      const Status status = ReadOne(name, value);
      if (!status.ok()) problems_.push_back({name, status.message()});
    }
  }

  const std::vector<resource::FieldProblem>& problems() const { return problems_; }

  Result<XgboostParameters> Finish(int64_t seed, int threads) {
    XgboostParameters result;
    values_.try_emplace("seed", std::to_string(seed));
    values_.try_emplace("nthread", std::to_string(threads));
    values_.try_emplace("objective", result.objective);
    values_.try_emplace("verbosity", "1");
    result.objective = values_.at("objective");
    result.seed = std::stoll(values_.at("seed"));
    TakeCount("num_boost_round", result.num_boost_round);
    TakeCount("early_stopping_rounds", result.early_stopping_rounds);
    result.eval_metrics = metrics_.empty() ? std::vector<std::string>{"logloss"} : metrics_;
    result.booster.assign(values_.begin(), values_.end());
    return result;
  }

 private:
  Status ReadOne(const std::string& name, const Json& value) {
    const Rule* rule = FindRule(name);
    if (rule == nullptr) return Unknown(name);
    if (rule->kind == Kind::kMetrics) {
      MR_ASSIGN_OR_RETURN(metrics_, Metrics(*rule, value));
      return Ok();
    }
    MR_ASSIGN_OR_RETURN(const std::string text, ValueText(*rule, value));
    const std::string main(rule->alias_of.empty() ? rule->name : rule->alias_of);
    if (values_.contains(main)) {
      return InvalidArgument("is the same as '{}', which is also given; leave one out",
                             main == name ? rule->name : main);
    }
    values_[main] = text;
    return Ok();
  }

  void TakeCount(const std::string& name, int64_t& target) {
    const auto it = values_.find(name);
    if (it == values_.end()) return;
    target = std::stoll(it->second);
    values_.erase(it);
  }

  std::vector<resource::FieldProblem> problems_;
  std::vector<std::string> metrics_;
  std::map<std::string, std::string> values_;
};

std::string_view TypeText(Kind kind) {
  switch (kind) {
    case Kind::kInteger:
      return "integer";
    case Kind::kNumber:
      return "number";
    case Kind::kBoolean:
      return "boolean";
    case Kind::kChoice:
      return "one of";
    case Kind::kMetrics:
      return "one or several of";
    case Kind::kConstraints:
      break;
  }
  return "list or text";
}

}  // namespace

std::vector<resource::FieldProblem> CheckXgboostParameters(const Json& parameters) {
  if (parameters.is_null()) return {};
  if (!parameters.is_object()) {
    return {{"", fmt::format("is {}; expected an object of names and values", Shown(parameters))}};
  }
  Reader reader;
  reader.Read(parameters);
  return reader.problems();
}

Result<XgboostParameters> ParseXgboostParameters(const Json& parameters, int64_t seed, int threads) {
  MR_RETURN_IF_ERROR(resource::ToStatus(resource::Below("parameters", CheckXgboostParameters(parameters))));
  if (seed < 0 || seed > 2147483647)
    return InvalidArgument("the seed is {}; it must be within 0 and 2147483647", seed);
  Reader reader;
  if (parameters.is_object()) reader.Read(parameters);
  return reader.Finish(seed, std::max(threads, 1));
}

std::vector<ParameterDescription> DescribeXgboostParameters() {
  std::vector<ParameterDescription> descriptions;
  for (const Rule& rule : kRules) {
    const Rule& main = rule.alias_of.empty() ? rule : *FindRule(rule.alias_of);
    const bool listed = rule.kind == Kind::kChoice || rule.kind == Kind::kMetrics;
    descriptions.push_back({std::string(rule.name), std::string(TypeText(rule.kind)),
                            listed ? std::string(rule.choices) : BoundsText(rule),
                            rule.alias_of.empty()
                                ? std::string(rule.meaning)
                                : fmt::format("another name of {}: {}", main.name, main.meaning)});
  }
  return descriptions;
}

}  // namespace millrace::training
