#include <algorithm>
#include <cstring>
#include <limits>

#include "feature/expression/operation.h"

namespace millrace::feature::expression {
namespace {

constexpr DataType kString = DataType::kString;
constexpr DataType kInt = DataType::kInt64;
constexpr DataType kBool = DataType::kBool;

// ASCII alone, so that no locale has a say.
char LowerChar(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
char UpperChar(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; }

template <char (*kMap)(char)>
bool Map(Text text, TextArena& arena, Text& out) {
  if (text.size() > kMaxBuiltText) return false;
  char* place = arena.Allocate(text.size());
  std::transform(text.begin(), text.end(), place, kMap);
  out = Text(place, text.size());
  return true;
}

bool Concat(const Frame& frame) {
  const bool has_nulls = CombineValid(frame);
  if (!has_nulls) std::fill_n(frame.valid, frame.size, uint8_t{1});
  Text* out = frame.Out<Text>();
  for (size_t row = 0; row < frame.size; ++row) {
    out[row] = Text();
    if (frame.valid[row] == 0) continue;
    size_t size = 0;
    for (const Vector& part : frame.arguments) size += part.As<Text>()[row].size();
    if (size > kMaxBuiltText) {
      frame.valid[row] = 0;
      continue;
    }
    char* const place = frame.text->Allocate(size);
    char* end = place;
    for (const Vector& part : frame.arguments) {
      const Text text = part.As<Text>()[row];
      end = std::copy(text.begin(), text.end(), end);
    }
    out[row] = Text(place, size);
  }
  return true;
}

bool BeginsCodePoint(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

int64_t Length(Text text) { return std::count_if(text.begin(), text.end(), BeginsCodePoint); }

// The byte at which code point `index` (from 0) begins, or the end.
size_t ByteOf(Text text, int64_t index) {
  if (index <= 0) return 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (BeginsCodePoint(text[i]) && index-- == 0) return i;
  }
  return text.size();
}

Text SubstringFrom(Text text, int64_t start) { return text.substr(ByteOf(text, start > 0 ? start - 1 : 0)); }

// SQL's: the first is 1, and places before it count towards the length.
bool Substring(Text text, int64_t start, int64_t length, Text& out) {
  if (length < 0) return false;
  int64_t end = 0;
  if (__builtin_add_overflow(start, length, &end)) end = std::numeric_limits<int64_t>::max();
  const size_t first = ByteOf(text, start > 0 ? start - 1 : 0);
  const size_t last = end > 1 ? ByteOf(text, end - 1) : 0;
  out = last > first ? text.substr(first, last - first) : Text();
  return true;
}

uint8_t StartsWith(Text text, Text part) { return text.starts_with(part) ? 1 : 0; }
uint8_t EndsWith(Text text, Text part) { return text.ends_with(part) ? 1 : 0; }
// memmem is linear; string_view::find is not.
uint8_t Contains(Text text, Text part) {
  return part.empty() ||
                 (!text.empty() && memmem(text.data(), text.size(), part.data(), part.size()) != nullptr)
             ? 1
             : 0;
}

Operation Test(std::string_view name, std::string_view usage, std::string_view meaning, Kernel kernel) {
  return {.name = name,
          .usage = usage,
          .meaning = meaning,
          .min_arguments = 2,
          .max_arguments = 2,
          .overloads = {{{kString, kString}, kBool, kernel}}};
}

}  // namespace

std::vector<Operation> TextOperations() {
  return {
      {.name = "concat",
       .usage = "concat(a, b, …)",
       .meaning = "the texts one after another; null beyond 64 KiB",
       .form = Operation::Form::kUnified,
       .min_arguments = 1,
       .max_arguments = 64,
       .builds_text = true,
       .overloads = {{{kString}, kString, Concat}}},
      {.name = "lower",
       .usage = "lower(text)",
       .meaning = "A-Z as a-z; other characters stay",
       .builds_text = true,
       .overloads = {{{kString}, kString, Building<Map<LowerChar>, Text>}}},
      {.name = "upper",
       .usage = "upper(text)",
       .meaning = "a-z as A-Z; other characters stay",
       .builds_text = true,
       .overloads = {{{kString}, kString, Building<Map<UpperChar>, Text>}}},
      {.name = "length",
       .usage = "length(text)",
       .meaning = "how many code points",
       .overloads = {{{kString}, kInt, Total<Length, int64_t, Text>}}},
      {.name = "substring",
       .usage = "substring(text, start, length)",
       .meaning = "code points from start (the first is 1), or to the end; null for a length below 0",
       .min_arguments = 2,
       .max_arguments = 3,
       .overloads = {{{kString, kInt}, kString, Total<SubstringFrom, Text, Text, int64_t>},
                     {{kString, kInt, kInt}, kString, Partial<Substring, Text, Text, int64_t, int64_t>}}},
      Test("starts_with", "starts_with(text, part)", "text begins with part",
           Total<StartsWith, uint8_t, Text, Text>),
      Test("ends_with", "ends_with(text, part)", "text ends with part", Total<EndsWith, uint8_t, Text, Text>),
      Test("contains", "contains(text, part)", "part is somewhere in text",
           Total<Contains, uint8_t, Text, Text>)};
}

}  // namespace millrace::feature::expression
