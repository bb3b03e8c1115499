#include "feature/expression/typing.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "feature/expression/lexer.h"
#include "feature/expression/operation.h"
#include "feature/expression/type_error.h"

namespace millrace::feature::expression {
namespace {

bool IsConstant(const TypedNode& node) { return node.kind == TypedNode::Kind::kConstant; }

TypedNode Constant(Value value, DataType type) {
  TypedNode node;
  node.constant = std::move(value);
  node.type = type;
  return node;
}

// The value of a call whose arguments are all constants.
TypedNode Fold(const TypedNode& call) {
  std::deque<ConstantCell> cells;
  std::vector<Vector> arguments;
  for (const TypedNode& argument : call.arguments) {
    arguments.push_back(cells.emplace_back(argument.constant, argument.type).vector());
  }
  int64_t integer = 0;
  double real = 0;
  uint8_t boolean = 0;
  Text text;
  uint8_t valid = 1;
  TextArena arena;
  Frame frame{arguments, 1, nullptr, &valid, &arena, call.zone.get()};
  switch (call.type) {
    case DataType::kBool:
      frame.values = &boolean;
      break;
    case DataType::kDouble:
      frame.values = &real;
      break;
    case DataType::kString:
      frame.values = &text;
      break;
    case DataType::kInt64:
    case DataType::kTimestamp:
      frame.values = &integer;
      break;
  }
  if (call.kernel(frame) && valid == 0) return Constant(Null{}, call.type);
  switch (call.type) {
    case DataType::kBool:
      return Constant(boolean != 0, call.type);
    case DataType::kDouble:
      return Constant(real, call.type);
    case DataType::kString:
      return Constant(std::string(text), call.type);
    case DataType::kTimestamp:
      return Constant(EventTime{integer}, call.type);
    case DataType::kInt64:
      break;
  }
  return Constant(integer, call.type);
}

TypedNode MakeCall(const Operation& operation, const Overload& overload, std::vector<TypedNode> arguments,
                   std::shared_ptr<const TimeZone> zone = nullptr) {
  TypedNode call;
  call.kind = TypedNode::Kind::kCall;
  call.type = overload.result;
  call.kernel = overload.kernel;
  call.builds_text = operation.builds_text;
  call.zone = std::move(zone);
  call.arguments = std::move(arguments);
  return std::all_of(call.arguments.begin(), call.arguments.end(), IsConstant) ? Fold(call) : call;
}

// Precondition: the types are equal, or int64 and double, or `node` is an untyped null.
TypedNode Convert(TypedNode node, DataType type) {
  if (node.untyped) return Constant(Null{}, type);
  if (node.type == type) return node;
  const Operation& cast = CastTo(type);
  for (const Overload& overload : cast.overloads) {
    if (overload.parameters[0] != node.type) continue;
    std::vector<TypedNode> arguments;
    arguments.push_back(std::move(node));
    return MakeCall(cast, overload, std::move(arguments));
  }
  MR_CHECK(false, "no cast from {} to {}", DataTypeName(node.type), DataTypeName(type));
  return node;
}

class Binder {
 public:
  explicit Binder(const Schema& schema) : schema_(schema) {}

  Result<TypedNode> Bind(const Node& node) {
    switch (node.kind) {
      case Node::Kind::kLiteral:
        return BindLiteral(node);
      case Node::Kind::kColumn:
        return BindColumn(node);
      case Node::Kind::kCall:
        break;
    }
    if (node.name == "case") return BindCase(node);
    const Operation* operation = FindOperation(node.name);
    if (operation == nullptr) return UnknownFunction(node);
    MR_RETURN_IF_ERROR(CheckCount(node, *operation));
    std::shared_ptr<const TimeZone> zone;
    const bool has_zone = operation->takes_zone && node.children.size() == 2;
    if (has_zone) {
      MR_ASSIGN_OR_RETURN(zone, BindZone(node.children[1], *operation));
    }
    std::vector<TypedNode> arguments;
    for (size_t i = 0; i < node.children.size() - (has_zone ? 1 : 0); ++i) {
      MR_ASSIGN_OR_RETURN(TypedNode argument, Bind(node.children[i]));
      arguments.push_back(std::move(argument));
    }
    MR_ASSIGN_OR_RETURN(TypedNode call,
                        operation->form == Operation::Form::kUnified
                            ? BindUnified(node, *operation, std::move(arguments))
                            : BindPlain(node, *operation, std::move(arguments), std::move(zone)));
    if (call.builds_text && ++text_calls_ > kMaxTextCalls) {
      return ErrorAt(node.position,
                     fmt::format("more than {} parts of the expression build text", kMaxTextCalls));
    }
    return call;
  }

 private:
  static Result<TypedNode> BindLiteral(const Node& node) {
    TypedNode typed = Constant(node.literal, TypeOf(node.literal).value_or(DataType::kBool));
    typed.untyped = IsNull(node.literal);
    return typed;
  }

  Result<TypedNode> BindColumn(const Node& node) const {
    if (const auto column = schema_.Find(node.name)) {
      TypedNode typed;
      typed.kind = TypedNode::Kind::kColumn;
      typed.column = *column;
      typed.type = schema_[*column].type;
      return typed;
    }
    return UnknownColumn(node, schema_);
  }

  static Result<std::shared_ptr<const TimeZone>> BindZone(const Node& node, const Operation& operation) {
    const auto* name = std::get_if<std::string>(&node.literal);
    if (node.kind != Node::Kind::kLiteral || name == nullptr) {
      return ErrorAt(
          node.position,
          fmt::format("the zone of {} is a name in single quotes, such as 'Europe/Zurich'", operation.name));
    }
    Result<TimeZone> zone = TimeZone::Load(*name);
    if (!zone.ok()) return ErrorAt(node.position, zone.status().message());
    return std::make_shared<const TimeZone>(std::move(zone).value());
  }

  Result<TypedNode> BindPlain(const Node& node, const Operation& operation, std::vector<TypedNode> arguments,
                              std::shared_ptr<const TimeZone> zone) {
    const Overload* best = nullptr;
    size_t fewest = 0;
    bool ambiguous = false;
    for (const Overload& overload : operation.overloads) {
      if (overload.parameters.size() != arguments.size()) continue;
      const Fit fit = FitOf(overload, arguments);
      if (fit.mismatches > 0) continue;
      if (best == nullptr || fit.conversions < fewest) {
        best = &overload;
        fewest = fit.conversions;
        ambiguous = false;
      } else if (fit.conversions == fewest) {
        ambiguous |= overload.result != best->result;
      }
    }
    if (best == nullptr) return TypeError(node, operation, arguments);
    if (ambiguous) return UnknownNull(node);
    for (size_t i = 0; i < arguments.size(); ++i) {
      arguments[i] = Convert(std::move(arguments[i]), best->parameters[i]);
    }
    const bool casts_literal = IsCast(operation) && node.children[0].kind == Node::Kind::kLiteral;
    const bool given_null = IsNull(node.children[0].literal);
    TypedNode call = MakeCall(operation, *best, std::move(arguments), std::move(zone));
    if (casts_literal && !given_null && IsNull(call.constant)) {
      return ErrorAt(node.position, fmt::format("{} cannot be read as {}", ToText(node.children[0].literal),
                                                operation.name));
    }
    return call;
  }

  static bool IsCast(const Operation& operation) { return ParseDataType(operation.name).has_value(); }

  // The type that all take: equal, or double for int64 and double; empty for nulls alone.
  static Result<std::optional<DataType>> CommonType(const Node& node,
                                                    std::span<const TypedNode* const> values,
                                                    std::span<const Node* const> texts) {
    std::optional<DataType> common;
    size_t first = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i]->untyped || values[i]->type == common) continue;
      const DataType type = values[i]->type;
      const bool numbers = (type == DataType::kInt64 || type == DataType::kDouble) &&
                           (common == DataType::kInt64 || common == DataType::kDouble);
      if (common && !numbers) {
        return ErrorAt(texts[i]->position,
                       fmt::format("{} needs values of one type; {} is {} and {} is {}; {}", node.name,
                                   ShortText(*texts[first]), DataTypeName(*common), ShortText(*texts[i]),
                                   DataTypeName(type), ConversionHint(*texts[i], type, *common)));
      }
      if (!common) first = i;
      common = numbers ? DataType::kDouble : type;
    }
    return common;
  }

  Result<TypedNode> BindUnified(const Node& node, const Operation& operation,
                                std::vector<TypedNode> arguments) {
    std::vector<const TypedNode*> values;
    std::vector<const Node*> texts;
    for (size_t i = 0; i < arguments.size(); ++i) {
      values.push_back(&arguments[i]);
      texts.push_back(&node.children[i]);
    }
    MR_ASSIGN_OR_RETURN(const std::optional<DataType> common, CommonType(node, values, texts));
    const Overload* overload = nullptr;
    for (const Overload& candidate : operation.overloads) {
      // Nulls alone have a type where there is no choice.
      if (common ? candidate.parameters.back() == *common : operation.overloads.size() == 1)
        overload = &candidate;
    }
    if (overload == nullptr && !common) return UnknownNull(node);
    if (overload == nullptr) return TypeError(node, operation, arguments);
    for (TypedNode& argument : arguments)
      argument = Convert(std::move(argument), overload->parameters.back());
    if (!operation.pairwise || arguments.size() <= 2)
      return MakeCall(operation, *overload, std::move(arguments));
    TypedNode call = std::move(arguments[0]);
    for (size_t i = 1; i < arguments.size(); ++i) {
      std::vector<TypedNode> pair;
      pair.push_back(std::move(call));
      pair.push_back(std::move(arguments[i]));
      call = MakeCall(operation, *overload, std::move(pair));
    }
    return call;
  }

  // case c1 then v1 … else w: the innermost choice is the last condition's.
  Result<TypedNode> BindCase(const Node& node) {
    std::vector<TypedNode> parts;
    for (const Node& child : node.children) {
      MR_ASSIGN_OR_RETURN(TypedNode part, Bind(child));
      parts.push_back(std::move(part));
    }
    std::vector<const TypedNode*> values;
    std::vector<const Node*> texts;
    for (size_t i = 0; i < parts.size(); ++i) {
      const bool is_condition = i % 2 == 0 && i + 1 < parts.size();
      if (!is_condition) {
        values.push_back(&parts[i]);
        texts.push_back(&node.children[i]);
      } else if (!parts[i].untyped && parts[i].type != DataType::kBool) {
        const Node& condition = node.children[i];
        return ErrorAt(condition.position,
                       fmt::format("a condition is bool; {} is {}; {}", ShortText(condition),
                                   DataTypeName(parts[i].type),
                                   ConversionHint(condition, parts[i].type, DataType::kBool)));
      }
    }
    MR_ASSIGN_OR_RETURN(const std::optional<DataType> common, CommonType(node, values, texts));
    if (!common) return UnknownNull(node);
    const Operation& choice = *FindOperation("case");
    const auto overload = std::find_if(choice.overloads.begin(), choice.overloads.end(),
                                       [&](const Overload& o) { return o.result == *common; });
    TypedNode result = Convert(std::move(parts.back()), *common);
    for (size_t i = parts.size() - 1; i >= 2; i -= 2) {
      std::vector<TypedNode> arguments;
      arguments.push_back(Convert(std::move(parts[i - 2]), DataType::kBool));
      arguments.push_back(Convert(std::move(parts[i - 1]), *common));
      arguments.push_back(std::move(result));
      result = MakeCall(choice, *overload, std::move(arguments));
    }
    return result;
  }

  const Schema& schema_;
  size_t text_calls_ = 0;
};

}  // namespace

ConstantCell::ConstantCell(const Value& value, DataType type) {
  if (const auto* boolean = std::get_if<bool>(&value)) boolean_ = *boolean ? 1 : 0;
  if (const auto* integer = std::get_if<int64_t>(&value)) integer_ = *integer;
  if (const auto* real = std::get_if<double>(&value)) real_ = *real;
  if (const auto* text = std::get_if<std::string>(&value)) text_ = *text;
  if (const auto* time = std::get_if<EventTime>(&value)) integer_ = time->micros;
  switch (type) {
    case DataType::kBool:
      vector_.values = &boolean_;
      break;
    case DataType::kDouble:
      vector_.values = &real_;
      break;
    case DataType::kString:
      vector_.values = &text_;
      break;
    case DataType::kInt64:
    case DataType::kTimestamp:
      vector_.values = &integer_;
      break;
  }
  if (IsNull(value)) vector_.valid = &null_;
}

Result<TypedNode> Bind(const Node& node, const Schema& schema) {
  MR_ASSIGN_OR_RETURN(TypedNode typed, Binder(schema).Bind(node));
  if (typed.untyped) return ErrorAt(node.position, "null has no type here: write for example double(null)");
  return typed;
}

}  // namespace millrace::feature::expression
