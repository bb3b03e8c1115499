// The tree of an expression: what the parser makes, before types are known.
//
// Every operator, keyword form and function is a call by name: "+", "and",
// "is null", "in", "case" (c1, v1, c2, v2, …, else), "hour". Spellings that mean
// the same give the same tree: `if(c, a, b)` is a case, `x is not null` is `not
// x is null`, and -5 is a literal.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/value.h"

namespace millrace::feature::expression {

constexpr size_t kMaxDepth = 64;    // of parentheses, arguments and prefix operators
constexpr size_t kMaxNodes = 1024;  // of the whole tree

struct Node {
  enum class Kind : uint8_t { kLiteral, kColumn, kCall };
  Kind kind = Kind::kLiteral;
  size_t position = 0;  // in the text, from 0
  Value literal;        // kLiteral
  std::string name;     // kColumn and kCall
  std::vector<Node> children;
};

Result<Node> Parse(std::string_view text);

// The text of a tree with as few parentheses as it needs; Parse gives the tree back.
std::string Format(const Node& node);

}  // namespace millrace::feature::expression
