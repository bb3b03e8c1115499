#include "feature/expression/type_error.h"

#include <algorithm>
#include <span>

#include "base/text.h"
#include "feature/expression/lexer.h"

namespace millrace::feature::expression {
namespace {

std::string TypeList(std::span<const DataType> types) {
  std::string text;
  for (size_t i = 0; i < types.size(); ++i) {
    if (i > 0) text += i + 1 == types.size() ? " and " : ", ";
    text += DataTypeName(types[i]);
  }
  return text;
}

std::string Some(const std::vector<std::string>& names) {
  constexpr size_t kShown = 8;
  const size_t shown = std::min(names.size(), kShown);
  std::string text = Join(std::span(names).first(shown), ", ");
  return shown < names.size() ? text + fmt::format(" and {} more", names.size() - shown) : text;
}

}  // namespace

Fit FitOf(const Overload& overload, const std::vector<TypedNode>& arguments) {
  Fit fit;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const DataType wanted = overload.parameters[std::min(i, overload.parameters.size() - 1)];
    const TypedNode& given = arguments[i];
    if (given.untyped || given.type == wanted) continue;
    if (given.type == DataType::kInt64 && wanted == DataType::kDouble) {
      ++fit.conversions;
    } else {
      ++fit.mismatches;
    }
  }
  return fit;
}

std::string ShortText(const Node& node) {
  std::string text = Format(node);
  return text.size() <= 40 ? text : "…";
}

Status UnknownColumn(const Node& node, const Schema& schema) {
  const std::vector<std::string> names = schema.Names();
  if (const std::string near = Nearest(node.name, names); !near.empty()) {
    return ErrorAt(node.position, fmt::format("there is no column {}; did you mean {}?", QuoteName(node.name),
                                              QuoteName(near)));
  }
  if (const Operation* function = FindOperation(node.name); function != nullptr && function->IsFunction()) {
    return ErrorAt(node.position, fmt::format("{} is a function: write {}", node.name, function->usage));
  }
  return ErrorAt(node.position,
                 fmt::format("there is no column {}; there are {} (text is written in single quotes)",
                             QuoteName(node.name), names.empty() ? "none" : Some(names)));
}

Status UnknownFunction(const Node& node) {
  std::vector<std::string> names = {"if"};
  for (const Operation& operation : AllOperations()) {
    if (operation.IsFunction()) names.emplace_back(operation.name);
  }
  std::sort(names.begin(), names.end());
  std::string lower = node.name;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  const bool known = std::find(names.begin(), names.end(), lower) != names.end();
  const std::string near = known ? lower : Nearest(lower, names);
  if (!near.empty()) {
    return ErrorAt(node.position,
                   fmt::format("there is no function '{}'; did you mean {}?", node.name, near));
  }
  return ErrorAt(node.position,
                 fmt::format("there is no function '{}'; there are {}", node.name, Join(names, ", ")));
}

Status CheckCount(const Node& node, const Operation& operation) {
  const size_t count = node.children.size();
  const size_t least = operation.min_arguments;
  const size_t most = operation.takes_zone ? 2 : operation.max_arguments;
  if (count >= least && count <= most) return Ok();
  const std::string wanted = least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most);
  return ErrorAt(node.position, fmt::format("{} takes {} argument{}, not {}", operation.usage, wanted,
                                            most == 1 ? "" : "s", count));
}

Status UnknownNull(const Node& node) {
  return ErrorAt(node.position, "null has no type here: write for example double(null)");
}

std::string ConversionHint(const Node& node, DataType given, DataType wanted) {
  for (const Overload& overload : CastTo(wanted).overloads) {
    if (overload.parameters[0] != given) continue;
    return fmt::format("write {}({}) to convert it", DataTypeName(wanted), ShortText(node));
  }
  if (given == DataType::kTimestamp)
    return "hour(t), weekday(t), … and seconds_between(from, to) give numbers";
  return fmt::format("no conversion makes {} of {}", DataTypeName(wanted), DataTypeName(given));
}

Status TypeError(const Node& node, const Operation& operation, const std::vector<TypedNode>& arguments) {
  std::vector<std::string> accepted;
  const Overload* nearest = nullptr;
  size_t fewest = 0;
  for (const Overload& overload : operation.overloads) {
    accepted.push_back(TypeList(overload.parameters));
    if (operation.form == Operation::Form::kPlain && overload.parameters.size() != arguments.size()) continue;
    const size_t mismatches = FitOf(overload, arguments).mismatches;
    if (nearest == nullptr || mismatches < fewest) {
      nearest = &overload;
      fewest = mismatches;
    }
  }
  std::vector<DataType> given;
  bool all_times = true;
  bool all_texts = true;
  for (const TypedNode& argument : arguments) {
    given.push_back(argument.type);
    all_times &= argument.type == DataType::kTimestamp;
    all_texts &= argument.type == DataType::kString;
  }
  std::string hint = "write " + std::string(operation.usage);
  if (all_times && operation.name == "-") {
    hint = "write seconds_between(from, to)";
  } else if (all_texts && operation.name == "+") {
    hint = "write concat(a, b)";
  } else if (nearest != nullptr) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      const DataType wanted = nearest->parameters[std::min(i, nearest->parameters.size() - 1)];
      const bool fits = arguments[i].untyped || given[i] == wanted ||
                        (given[i] == DataType::kInt64 && wanted == DataType::kDouble);
      if (fits) continue;
      hint = ConversionHint(node.children[i], given[i], wanted);
      break;
    }
  }
  return ErrorAt(node.position, fmt::format("{} takes {}, not {}; {}", operation.name,
                                            Join(accepted, ", or "), TypeList(given), hint));
}

}  // namespace millrace::feature::expression
