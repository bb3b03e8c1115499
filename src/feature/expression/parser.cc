// A recursive-descent parser, one function for each level of binding.
#include <charconv>
#include <limits>
#include <optional>

#include "feature/expression/lexer.h"
#include "feature/expression/syntax.h"

namespace millrace::feature::expression {
namespace {

Node Literal(Value value, size_t position) {
  return {Node::Kind::kLiteral, position, std::move(value), "", {}};
}

Node Call(std::string name, size_t position, std::vector<Node> children) {
  return {Node::Kind::kCall, position, Null{}, std::move(name), std::move(children)};
}

template <typename... Nodes>
std::vector<Node> Children(Nodes... nodes) {
  std::vector<Node> children;
  (children.push_back(std::move(nodes)), ...);
  return children;
}

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Result<Node> Run() {
    if (Peek().kind == TokenKind::kEnd) return ErrorAt(0, "the expression is empty");
    MR_ASSIGN_OR_RETURN(Node node, Expression());
    if (Peek().kind != TokenKind::kEnd) return Unexpected("an operator or the end");
    return node;
  }

 private:
  // Counts one level of nesting while it lives.
  class Level {
   public:
    explicit Level(size_t& depth) : depth_(++depth) {}
    ~Level() { --depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    size_t& depth_;
  };

  const Token& Peek(size_t ahead = 0) const {
    return tokens_[at_ + ahead < tokens_.size() ? at_ + ahead : tokens_.size() - 1];
  }
  bool AtSymbol(std::string_view text) const { return Peek().Is(TokenKind::kSymbol, text); }
  bool AtKeyword(std::string_view text) const { return Peek().Is(TokenKind::kKeyword, text); }
  bool TakeSymbol(std::string_view text) {
    if (!AtSymbol(text)) return false;
    ++at_;
    return true;
  }
  bool TakeKeyword(std::string_view text) {
    if (!AtKeyword(text)) return false;
    ++at_;
    return true;
  }
  Status Unexpected(std::string_view wanted) const {
    return ErrorAt(Peek().position, fmt::format("expected {}, found {}", wanted, Peek().Describe()));
  }
  // The check that every new node passes.
  Status Count() {
    if (++nodes_ <= kMaxNodes) return Ok();
    return ErrorAt(Peek().position, fmt::format("the expression has more than {} parts", kMaxNodes));
  }
  Status CheckDepth() const {
    if (depth_ <= kMaxDepth) return Ok();
    return ErrorAt(Peek().position, fmt::format("nested more than {} levels deep", kMaxDepth));
  }

  Result<Node> Expression() {
    const Level level(depth_);
    MR_RETURN_IF_ERROR(CheckDepth());
    return Or();
  }

  Result<Node> Or() {
    MR_ASSIGN_OR_RETURN(Node left, And());
    while (AtKeyword("or")) {
      const size_t position = tokens_[at_++].position;
      MR_ASSIGN_OR_RETURN(Node right, And());
      MR_RETURN_IF_ERROR(Count());
      left = Call("or", position, Children(std::move(left), std::move(right)));
    }
    return left;
  }

  Result<Node> And() {
    MR_ASSIGN_OR_RETURN(Node left, Not());
    while (AtKeyword("and")) {
      const size_t position = tokens_[at_++].position;
      MR_ASSIGN_OR_RETURN(Node right, Not());
      MR_RETURN_IF_ERROR(Count());
      left = Call("and", position, Children(std::move(left), std::move(right)));
    }
    return left;
  }

  Result<Node> Not() {
    if (!AtKeyword("not")) return Comparison();
    const Level level(depth_);
    MR_RETURN_IF_ERROR(CheckDepth());
    const size_t position = tokens_[at_++].position;
    MR_ASSIGN_OR_RETURN(Node operand, Not());
    return Negate(position, std::move(operand));
  }

  Result<Node> Negate(size_t position, Node operand) {
    MR_RETURN_IF_ERROR(Count());
    return Call("not", position, Children(std::move(operand)));
  }

  Result<Node> Comparison() {
    MR_ASSIGN_OR_RETURN(Node left, Sum());
    const size_t position = Peek().position;
    if (TakeKeyword("is")) return IsNullRest(std::move(left), position);
    if (AtKeyword("in") || (AtKeyword("not") && Peek(1).Is(TokenKind::kKeyword, "in"))) {
      const bool negated = TakeKeyword("not");
      ++at_;
      return InRest(std::move(left), position, negated);
    }
    for (const std::string_view symbol : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (!TakeSymbol(symbol)) continue;
      MR_ASSIGN_OR_RETURN(Node right, Sum());
      for (const std::string_view next : {"==", "!=", "<=", ">=", "<", ">"}) {
        if (AtSymbol(next))
          return ErrorAt(Peek().position, "comparisons do not chain: write a < b and b < c");
      }
      MR_RETURN_IF_ERROR(Count());
      return Call(std::string(symbol), position, Children(std::move(left), std::move(right)));
    }
    return left;
  }

  Result<Node> IsNullRest(Node operand, size_t position) {
    const bool negated = TakeKeyword("not");
    if (!TakeKeyword("null")) return Unexpected("null after is");
    MR_RETURN_IF_ERROR(Count());
    Node node = Call("is null", position, Children(std::move(operand)));
    if (!negated) return node;
    return Negate(position, std::move(node));
  }

  Result<Node> InRest(Node operand, size_t position, bool negated) {
    if (!TakeSymbol("(")) return Unexpected("'(' and a list after in");
    std::vector<Node> children = Children(std::move(operand));
    MR_RETURN_IF_ERROR(Arguments(children));
    if (children.size() == 1) return ErrorAt(position, "the list after in is empty");
    MR_RETURN_IF_ERROR(Count());
    Node node = Call("in", position, std::move(children));
    if (!negated) return node;
    return Negate(position, std::move(node));
  }

  // Up to and with the closing parenthesis.
  Status Arguments(std::vector<Node>& arguments) {
    if (TakeSymbol(")")) return Ok();
    while (true) {
      MR_ASSIGN_OR_RETURN(Node argument, Expression());
      arguments.push_back(std::move(argument));
      if (TakeSymbol(")")) return Ok();
      if (!TakeSymbol(",")) return Unexpected("',' or ')'");
    }
  }

  Result<Node> Sum() {
    MR_ASSIGN_OR_RETURN(Node left, Product());
    while (AtSymbol("+") || AtSymbol("-")) {
      const Token& symbol = tokens_[at_++];
      MR_ASSIGN_OR_RETURN(Node right, Product());
      MR_RETURN_IF_ERROR(Count());
      left = Call(symbol.text, symbol.position, Children(std::move(left), std::move(right)));
    }
    return left;
  }

  Result<Node> Product() {
    MR_ASSIGN_OR_RETURN(Node left, Minus());
    while (AtSymbol("*") || AtSymbol("/") || AtSymbol("//") || AtSymbol("%")) {
      const Token& symbol = tokens_[at_++];
      MR_ASSIGN_OR_RETURN(Node right, Minus());
      MR_RETURN_IF_ERROR(Count());
      left = Call(symbol.text, symbol.position, Children(std::move(left), std::move(right)));
    }
    return left;
  }

  Result<Node> Minus() {
    if (!AtSymbol("-")) return Primary();
    const Level level(depth_);
    MR_RETURN_IF_ERROR(CheckDepth());
    const size_t position = tokens_[at_++].position;
    // The lowest int64 has no positive counterpart, so its sign is read with its digits.
    if (Peek().kind == TokenKind::kInteger) return Integer("-", position);
    MR_ASSIGN_OR_RETURN(Node operand, Minus());
    if (const auto* real = std::get_if<double>(&operand.literal)) return Literal(-*real, position);
    if (const auto* integer = std::get_if<int64_t>(&operand.literal);
        integer != nullptr && *integer != std::numeric_limits<int64_t>::min()) {
      return Literal(-*integer, position);
    }
    MR_RETURN_IF_ERROR(Count());
    return Call("unary -", position, Children(std::move(operand)));
  }

  Result<Node> Integer(std::string_view sign, size_t position) {
    MR_RETURN_IF_ERROR(Count());
    const std::string digits = std::string(sign) + tokens_[at_++].text;
    int64_t value = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc()) {
      return ErrorAt(position, fmt::format("{} is beyond an int64; write {}.0 for a double", digits, digits));
    }
    return Literal(value, position);
  }

  Result<Node> Real() {
    MR_RETURN_IF_ERROR(Count());
    const Token& token = tokens_[at_++];
    double value = 0;
    const char* end = token.text.data() + token.text.size();
    if (std::from_chars(token.text.data(), end, value).ec != std::errc()) {
      return ErrorAt(token.position, fmt::format("{} is outside the range of a double", token.text));
    }
    return Literal(value, token.position);
  }

  Result<Node> Primary() {
    const Token& token = Peek();
    switch (token.kind) {
      case TokenKind::kInteger:
        return Integer("", token.position);
      case TokenKind::kReal:
        return Real();
      case TokenKind::kText:
        ++at_;
        MR_RETURN_IF_ERROR(Count());
        return Literal(token.text, token.position);
      case TokenKind::kKeyword:
        return KeywordForm();
      case TokenKind::kName:
        if (Peek(1).Is(TokenKind::kSymbol, "(")) return FunctionCall();
        [[fallthrough]];
      case TokenKind::kQuotedName:
        ++at_;
        MR_RETURN_IF_ERROR(Count());
        return Node{Node::Kind::kColumn, token.position, Null{}, token.text, {}};
      default:
        break;
    }
    if (!TakeSymbol("(")) return Unexpected("a value");
    MR_ASSIGN_OR_RETURN(Node node, Expression());
    if (!TakeSymbol(")")) return Unexpected("')'");
    return node;
  }

  Result<Node> KeywordForm() {
    const size_t position = Peek().position;
    if (AtKeyword("case")) return Case();
    Value literal;
    if (AtKeyword("true") || AtKeyword("false")) {
      literal = AtKeyword("true");
    } else if (!AtKeyword("null")) {
      return Unexpected("a value");
    }
    ++at_;
    MR_RETURN_IF_ERROR(Count());
    return Literal(std::move(literal), position);
  }

  Result<Node> FunctionCall() {
    const Token& name = tokens_[at_];
    at_ += 2;
    std::vector<Node> arguments;
    MR_RETURN_IF_ERROR(Arguments(arguments));
    MR_RETURN_IF_ERROR(Count());
    if (name.text == "if") {
      if (arguments.size() != 3) {
        return ErrorAt(name.position,
                       fmt::format("if takes 3 arguments (condition, value, value otherwise), not {}",
                                   arguments.size()));
      }
      return Call("case", name.position, std::move(arguments));
    }
    return Call(name.text, name.position, std::move(arguments));
  }

  Result<Node> Case() {
    const size_t position = tokens_[at_++].position;
    std::vector<Node> parts;
    if (!AtKeyword("when")) return Unexpected("when after case");
    while (TakeKeyword("when")) {
      MR_ASSIGN_OR_RETURN(Node condition, Expression());
      if (!TakeKeyword("then")) return Unexpected("then");
      MR_ASSIGN_OR_RETURN(Node value, Expression());
      parts.push_back(std::move(condition));
      parts.push_back(std::move(value));
    }
    if (TakeKeyword("else")) {
      MR_ASSIGN_OR_RETURN(Node value, Expression());
      parts.push_back(std::move(value));
    } else {
      MR_RETURN_IF_ERROR(Count());
      parts.push_back(Literal(Null{}, Peek().position));
    }
    if (!TakeKeyword("end")) return Unexpected("when, else or end");
    MR_RETURN_IF_ERROR(Count());
    return Call("case", position, std::move(parts));
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  size_t depth_ = 0;
  size_t nodes_ = 0;
};

}  // namespace

Result<Node> Parse(std::string_view text) {
  MR_ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(text));
  return Parser(std::move(tokens)).Run();
}

}  // namespace millrace::feature::expression
