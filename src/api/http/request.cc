#include "api/http/request.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/percent.h"
#include "base/status.h"
#include "base/text.h"

namespace millrace::http {
namespace {

constexpr std::array<std::string_view, kMethods> kMethodNames = {"GET",   "HEAD",   "POST",   "PUT",
                                                                 "PATCH", "DELETE", "OPTIONS"};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return Lower(x) == Lower(y); });
}

}  // namespace

std::string_view MethodName(Method method) { return kMethodNames[static_cast<size_t>(method)]; }

std::optional<Method> ParseMethod(std::string_view name) {
  for (size_t i = 0; i < kMethods; ++i) {
    if (kMethodNames[i] == name) return static_cast<Method>(i);
  }
  return std::nullopt;
}

std::string_view Request::Param(std::string_view name) const {
  for (const PathParam& param : params) {
    if (param.name == name) return param.value;
  }
  MR_CHECK(false, "the route has no parameter {}", name);
  return {};
}

std::string_view Request::Header(std::string_view name) const {
  for (const HeaderView& header : headers) {
    if (EqualIgnoringCase(header.name, name)) return header.value;
  }
  return {};
}

std::optional<std::string> Request::Query(std::string_view name) const {
  for (size_t begin = 0; begin <= query.size();) {
    size_t end = std::min(query.find('&', begin), query.size());
    std::string_view pair = query.substr(begin, end - begin);
    begin = end + 1;
    if (pair.empty()) continue;
    size_t equals = std::min(pair.find('='), pair.size());
    if (PercentDecode(pair.substr(0, equals), true) != name) continue;
    return PercentDecode(equals < pair.size() ? pair.substr(equals + 1) : std::string_view(), true);
  }
  return std::nullopt;
}

bool Request::QueryFlag(std::string_view name) const {
  std::optional<std::string> value = Query(name);
  return value && (value->empty() || *value == "true" || *value == "1");
}

std::string Request::ContentType() const {
  std::string_view type = Header("content-type");
  type = type.substr(0, type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  std::string lower(type);
  std::transform(lower.begin(), lower.end(), lower.begin(), Lower);
  return lower;
}

bool Request::Allows(security::Permission permission, std::string_view project) const {
  return security::Authorize(*identity, permission, project, *grants).allowed;
}

std::string Request::TakeBuffer() const {
  if (buffer == nullptr) return {};
  std::string taken = std::exchange(*buffer, std::string());
  taken.clear();
  return taken;
}

std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) {
      c = ' ';
    } else if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      int high = HexDigit(text[i + 1]);
      int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out += c;
  }
  if (!IsUtf8(out)) return std::nullopt;
  return out;
}

}  // namespace millrace::http
