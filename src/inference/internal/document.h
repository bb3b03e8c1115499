// Document: the value that a model file holds, whether written as JSON or as
// UBJSON (draft 12, as XGBoost writes it).
//
// Numbers are as XGBoost knows them: int64, or float32 read from the text or
// the bytes directly (never by way of a double, which could round twice).
// Arrays of numbers are flat vectors. Fields that no prediction needs
// (statistics of the training) are checked for form and left out.
//
// Both readers take untrusted bytes: depth, number of values and every length
// are bounded, and the result is a Document or a sentence with the offset.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"

namespace millrace::inference::internal {

struct DocumentField;

struct Document {
  using Array = std::vector<Document>;
  // In the order of the file; keys are distinct.
  using Object = std::vector<DocumentField>;

  std::variant<std::monostate, bool, int64_t, float, std::string, Array, Object, std::vector<int64_t>,
               std::vector<float>>
      value;

  // The field of an object; null when this is no object or has no such field.
  const Document* Find(std::string_view key) const;
  // The field, or a sentence that names `where` and the field.
  Result<const Document*> Get(std::string_view key, std::string_view where) const;
  // A whole number, also from text such as "15", as XGBoost writes parameters.
  Result<int64_t> AsInt(std::string_view where) const;
  Result<std::string_view> AsText(std::string_view where) const;
  // Arrays of numbers; an empty array is both.
  Result<std::vector<float>> AsFloats(std::string_view where) const;
  Result<std::vector<int64_t>> AsInts(std::string_view where) const;
  // What kind of value it is, for messages: "an object", "text"…
  std::string_view KindName() const;
};

struct DocumentField {
  std::string key;
  Document value;
};

inline constexpr size_t kMaxModelBytes = size_t{512} << 20;
inline constexpr size_t kMaxDocumentValues = size_t{64} << 20;
// What an array's element that is not in a flat vector counts for.
inline constexpr size_t kItemCost = 16;
inline constexpr int kMaxDocumentDepth = 32;

// True for fields whose values nobody reads.
bool IsIgnoredField(std::string_view key);

Result<Document> ParseJsonDocument(std::string_view bytes);
Result<Document> ParseUbjDocument(std::string_view bytes);

// float32 nearest to the decimal text; refuses what is not a finite number.
Result<float> ParseFloat(std::string_view text);

}  // namespace millrace::inference::internal
