// The words of an expression's text.
//
// Names are bare (letters, digits and _) or in double quotes; text is in single
// quotes; a quote within is written twice. Keywords are in any case. Fails with
// the position of the first character that begins no word.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace::feature::expression {

constexpr size_t kMaxText = 4096;  // bytes

enum class TokenKind : uint8_t {
  kEnd,
  kName,        // a bare name, not a keyword
  kQuotedName,  // "…", unquoted in `text`
  kKeyword,     // in lower case in `text`
  kSymbol,      // ( ) , + - * / // % == != < <= > >=
  kInteger,     // digits
  kReal,
  kText,  // '…', unquoted in `text`
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  size_t position = 0;  // of its first byte, from 0

  bool Is(TokenKind k, std::string_view t) const { return kind == k && text == t; }
  // For messages: 'hour', the text 'abc', the end.
  std::string Describe() const;
};

// The tokens of `text`, kEnd last.
Result<std::vector<Token>> Tokenize(std::string_view text);

bool IsKeyword(std::string_view lower_case);
// "tx_amount", or "\"a name\"" where it cannot stand bare.
std::string QuoteName(std::string_view name);
// "'it''s'".
std::string QuoteText(std::string_view text);

// InvalidArgument("character N: …"), counting from 1.
Status ErrorAt(size_t position, std::string_view what);

}  // namespace millrace::feature::expression
