#include <algorithm>
#include <array>
#include <cctype>

#include "resource/validate.h"

namespace millrace::resource {
namespace {

constexpr std::array<std::string_view, 14> kKeywords = {
    "and", "or", "not", "in", "is", "null", "true", "false", "case", "when", "then", "else", "end", "if"};

bool IsLetter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool IsWord(char c) { return IsLetter(c) || std::isdigit(static_cast<unsigned char>(c)) != 0; }

bool IsKeyword(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kKeywords.begin(), kKeywords.end(), word) != kKeywords.end();
}

// The end of the quoted text that begins at `at`; a doubled quote is one of its characters.
size_t EndOfQuote(std::string_view text, size_t at) {
  const char quote = text[at];
  for (size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] != quote) continue;
    if (i + 1 < text.size() && text[i + 1] == quote) {
      ++i;
    } else {
      return i;
    }
  }
  return text.size();
}

bool IsCall(std::string_view text, size_t end) {
  const size_t next = text.find_first_not_of(" \t\r\n", end);
  return next != std::string_view::npos && text[next] == '(';
}

std::string Unquote(std::string_view quoted, char quote) {
  std::string text;
  for (size_t i = 0; i < quoted.size(); ++i) {
    text += quoted[i];
    if (quoted[i] == quote) ++i;
  }
  return text;
}

}  // namespace

std::vector<std::string> MentionedColumns(std::string_view text) {
  std::vector<std::string> columns;
  const auto add = [&](std::string name) {
    if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(std::move(name));
  };
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '\'' || c == '"') {
      const size_t end = EndOfQuote(text, at);
      if (c == '"') add(Unquote(text.substr(at + 1, end - at - 1), c));
      at = end + 1;
    } else if (IsLetter(c)) {
      size_t end = at;
      while (end < text.size() && IsWord(text[end])) ++end;
      std::string word(text.substr(at, end - at));
      if (!IsKeyword(word) && !IsCall(text, end)) add(std::move(word));
      at = end;
    } else if (IsWord(c)) {
      // A number, with its exponent: the e of 1e3 is no name.
      while (at < text.size() && (IsWord(text[at]) || text[at] == '.')) ++at;
    } else {
      ++at;
    }
  }
  return columns;
}

}  // namespace millrace::resource
