#include "feature/expression/lexer.h"

#include <algorithm>
#include <array>
#include <optional>

namespace millrace::feature::expression {
namespace {

constexpr std::array<std::string_view, 13> kKeywords = {
    "and", "or", "not", "is", "null", "true", "false", "in", "case", "when", "then", "else", "end"};
// Longer ones first.
constexpr std::array<std::string_view, 16> kSymbols = {"//", "==", "!=", "<=", ">=", "(", ")", ",",
                                                       "+",  "-",  "*",  "/",  "%",  "<", ">", ""};

// What people write by habit from another language.
struct Habit {
  std::string_view wrong;
  std::string_view right;
};
constexpr std::array<Habit, 8> kHabits = {{{"<>", "!="},
                                           {"&&", "and"},
                                           {"||", "or, or concat(a, b) for text"},
                                           {"=", "=="},
                                           {"!", "not"},
                                           {"&", "and"},
                                           {"|", "or"},
                                           {"^", "pow(a, b)"}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string Quote(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) {
    if (c == quote) quoted += quote;
    quoted += c;
  }
  return quoted + quote;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> Run() {
    std::vector<Token> tokens;
    while (true) {
      while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
        ++at_;
      if (at_ == text_.size()) {
        tokens.push_back({TokenKind::kEnd, "", at_});
        return tokens;
      }
      MR_ASSIGN_OR_RETURN(Token token, Next());
      tokens.push_back(std::move(token));
    }
  }

 private:
  char Peek(size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  Result<Token> Next() {
    const char c = text_[at_];
    if (IsLetter(c)) return Name();
    if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return Number();
    if (c == '\'' || c == '"') return Quoted(c);
    for (const Habit& habit : kHabits) {
      if (!text_.substr(at_).starts_with(habit.wrong) || IsSymbolHere()) continue;
      return ErrorAt(at_, fmt::format("'{}' is no operator here; write {}", habit.wrong, habit.right));
    }
    for (const std::string_view symbol : kSymbols) {
      if (!symbol.empty() && text_.substr(at_).starts_with(symbol)) {
        at_ += symbol.size();
        return Token{TokenKind::kSymbol, std::string(symbol), at_ - symbol.size()};
      }
    }
    return ErrorAt(at_, fmt::format("unexpected {}", Shown(c)));
  }

  // True at == and !=, whose first characters alone are habits.
  bool IsSymbolHere() const {
    const std::string_view two = text_.substr(at_, 2);
    return two == "==" || two == "!=";
  }

  static std::string Shown(char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f) return fmt::format("'{}'", c);
    if (byte >= 0x80)
      return "character outside ASCII; names with such characters are written in double quotes";
    return fmt::format("byte 0x{:02x}", byte);
  }

  Token Name() {
    const size_t begin = at_;
    while (at_ < text_.size() && (IsLetter(text_[at_]) || IsDigit(text_[at_]))) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    std::string lower(name);
    std::transform(lower.begin(), lower.end(), lower.begin(), Lower);
    if (IsKeyword(lower)) return {TokenKind::kKeyword, lower, begin};
    return {TokenKind::kName, std::string(name), begin};
  }

  void Digits() {
    while (IsDigit(Peek(0))) ++at_;
  }

  Result<Token> Number() {
    const size_t begin = at_;
    TokenKind kind = TokenKind::kInteger;
    Digits();
    if (Peek(0) == '.') {
      kind = TokenKind::kReal;
      ++at_;
      Digits();
    }
    if (Peek(0) == 'e' || Peek(0) == 'E') {
      const size_t sign = Peek(1) == '+' || Peek(1) == '-' ? 1 : 0;
      if (IsDigit(Peek(1 + sign))) {
        kind = TokenKind::kReal;
        at_ += 1 + sign;
        Digits();
      }
    }
    if (IsLetter(Peek(0)) || Peek(0) == '.') {
      return ErrorAt(at_, fmt::format("'{}' does not go on a number; a number is 42, 1.5 or 2e-3", Peek(0)));
    }
    return Token{kind, std::string(text_.substr(begin, at_ - begin)), begin};
  }

  Result<Token> Quoted(char quote) {
    const size_t begin = at_++;
    std::string content;
    while (at_ < text_.size()) {
      if (text_[at_] == quote) {
        if (Peek(1) != quote) {
          ++at_;
          return Token{quote == '"' ? TokenKind::kQuotedName : TokenKind::kText, std::move(content), begin};
        }
        ++at_;
      }
      content += text_[at_++];
    }
    return ErrorAt(begin, fmt::format("the {} that begins here has no closing quote",
                                      quote == '"' ? "name in double quotes" : "text"));
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::string Token::Describe() const {
  switch (kind) {
    case TokenKind::kEnd:
      return "the end";
    case TokenKind::kText:
      return "the text " + QuoteText(text);
    case TokenKind::kQuotedName:
      return Quote(text, '"');
    default:
      return fmt::format("'{}'", text);
  }
}

Result<std::vector<Token>> Tokenize(std::string_view text) {
  if (text.size() > kMaxText) {
    return InvalidArgument("an expression may have {} bytes; this one has {}", kMaxText, text.size());
  }
  return Lexer(text).Run();
}

bool IsKeyword(std::string_view lower_case) {
  return std::find(kKeywords.begin(), kKeywords.end(), lower_case) != kKeywords.end();
}

std::string QuoteName(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), Lower);
  const bool bare = !name.empty() && IsLetter(name.front()) && !IsKeyword(lower) &&
                    std::all_of(name.begin(), name.end(), [](char c) { return IsLetter(c) || IsDigit(c); });
  return bare ? std::string(name) : Quote(name, '"');
}

std::string QuoteText(std::string_view text) { return Quote(text, '\''); }

Status ErrorAt(size_t position, std::string_view what) {
  return InvalidArgument("character {}: {}", position + 1, what);
}

}  // namespace millrace::feature::expression
