// The canonical text of a tree.
#include <array>
#include <cmath>

#include "feature/expression/lexer.h"
#include "feature/expression/syntax.h"

namespace millrace::feature::expression {
namespace {

// How tightly a form binds; an operand that binds less tightly than its place asks for gets parentheses.
enum Binding : int { kOr = 1, kAnd, kNot, kComparison, kSum, kProduct, kMinus, kPrimary };

struct Infix {
  std::string_view name;
  Binding binding;
};
constexpr std::array<Infix, 13> kInfix = {{{"or", kOr},
                                           {"and", kAnd},
                                           {"==", kComparison},
                                           {"!=", kComparison},
                                           {"<", kComparison},
                                           {"<=", kComparison},
                                           {">", kComparison},
                                           {">=", kComparison},
                                           {"+", kSum},
                                           {"-", kSum},
                                           {"*", kProduct},
                                           {"/", kProduct},
                                           {"%", kProduct}}};

const Infix* FindInfix(std::string_view name) {
  static constexpr Infix kFloorDivide = {"//", kProduct};
  for (const Infix& infix : kInfix) {
    if (infix.name == name) return &infix;
  }
  return name == "//" ? &kFloorDivide : nullptr;
}

// `x is not null` and `x not in (…)`.
bool IsNegatedForm(const Node& node) {
  const Node& operand = node.children[0];
  return operand.kind == Node::Kind::kCall && (operand.name == "is null" || operand.name == "in");
}

Binding BindingOf(const Node& node) {
  if (node.kind != Node::Kind::kCall) return kPrimary;
  if (const Infix* infix = FindInfix(node.name)) return infix->binding;
  if (node.name == "not") return IsNegatedForm(node) ? kComparison : kNot;
  if (node.name == "is null" || node.name == "in") return kComparison;
  if (node.name == "unary -") return kMinus;
  return kPrimary;
}

std::string FormatLiteral(const Value& literal) {
  if (const auto* text = std::get_if<std::string>(&literal)) return QuoteText(*text);
  std::string text = ToText(literal);
  if (std::holds_alternative<double>(literal) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string Operand(const Node& node, int at_least) {
  return BindingOf(node) >= at_least ? Format(node) : "(" + Format(node) + ")";
}

std::string FormatList(const std::vector<Node>& nodes, size_t first) {
  std::string text = "(";
  for (size_t i = first; i < nodes.size(); ++i) {
    if (i > first) text += ", ";
    text += Format(nodes[i]);
  }
  return text + ")";
}

std::string FormatCase(const std::vector<Node>& parts) {
  std::string text = "case";
  for (size_t i = 0; i + 1 < parts.size(); i += 2) {
    text += " when " + Format(parts[i]) + " then " + Format(parts[i + 1]);
  }
  return text + " else " + Format(parts.back()) + " end";
}

}  // namespace

std::string Format(const Node& node) {
  if (node.kind == Node::Kind::kLiteral) return FormatLiteral(node.literal);
  if (node.kind == Node::Kind::kColumn) return QuoteName(node.name);
  const std::vector<Node>& children = node.children;
  if (const Infix* infix = FindInfix(node.name)) {
    // Comparisons do not chain; the others associate to the left.
    const int left = infix->binding == kComparison ? kSum : infix->binding;
    return Operand(children[0], left) + " " + node.name + " " + Operand(children[1], infix->binding + 1);
  }
  if (node.name == "not" && !IsNegatedForm(node)) return "not " + Operand(children[0], kNot);
  if (node.name == "not") {
    const std::vector<Node>& parts = children[0].children;
    const std::string operand = Operand(parts[0], kSum);
    return children[0].name == "in" ? operand + " not in " + FormatList(parts, 1) : operand + " is not null";
  }
  if (node.name == "is null") return Operand(children[0], kSum) + " is null";
  if (node.name == "in") return Operand(children[0], kSum) + " in " + FormatList(children, 1);
  // A literal after the sign would be read as part of it.
  if (node.name == "unary -") {
    const bool bare = BindingOf(children[0]) >= kMinus && children[0].kind != Node::Kind::kLiteral;
    return bare ? "-" + Format(children[0]) : "-(" + Format(children[0]) + ")";
  }
  if (node.name == "case") return FormatCase(children);
  return node.name + FormatList(children, 0);
}

}  // namespace millrace::feature::expression
