// UBJSON (https://ubjson.org, draft 12): a marker byte, then big-endian data.
// `[$T#n` is an array of n values of one type T without their markers, `[#n` an
// array of n values, and lengths are numbers with a marker of their own.
#include <bit>
#include <cmath>
#include <concepts>
#include <cstring>

#include "inference/internal/document.h"

namespace millrace::inference::internal {
namespace {

class UbjReader {
 public:
  explicit UbjReader(std::string_view bytes) : bytes_(bytes) {}

  Result<Document> ReadRoot() {
    MR_ASSIGN_OR_RETURN(const char marker, Next());
    if (marker != '{') return Broken("it should begin with an object");
    MR_ASSIGN_OR_RETURN(Document document, ReadObject(1, false));
    if (at_ != bytes_.size()) return Broken("there are bytes after its end");
    return document;
  }

 private:
  Status Broken(std::string_view what) const {
    return InvalidArgument("the model is not well-formed UBJSON at byte {}: {}", at_, what);
  }
  size_t Left() const { return bytes_.size() - at_; }
  Result<char> Next() {
    if (at_ >= bytes_.size()) return Broken("it ends in the middle of a value");
    return bytes_[at_++];
  }
  char Peek() const { return at_ < bytes_.size() ? bytes_[at_] : '\0'; }
  Status Count(size_t values) {
    count_ += values;
    if (count_ > kMaxDocumentValues) {
      return ResourceExhausted("the model holds more than {} values", kMaxDocumentValues);
    }
    return Ok();
  }

  template <std::unsigned_integral U>
  static U LoadBigEndian(const char* data) {
    U value = 0;
    for (size_t i = 0; i < sizeof(U); ++i) {
      value = static_cast<U>((sizeof(U) > 1 ? value << 8 : 0) | static_cast<unsigned char>(data[i]));
    }
    return value;
  }
  template <typename T>
  static T Load(const char* data) {
    if constexpr (sizeof(T) == 1) {
      return std::bit_cast<T>(LoadBigEndian<uint8_t>(data));
    } else if constexpr (sizeof(T) == 2) {
      return std::bit_cast<T>(LoadBigEndian<uint16_t>(data));
    } else if constexpr (sizeof(T) == 4) {
      return std::bit_cast<T>(LoadBigEndian<uint32_t>(data));
    } else {
      return std::bit_cast<T>(LoadBigEndian<uint64_t>(data));
    }
  }
  template <typename T>
  Result<T> Fixed() {
    if (Left() < sizeof(T)) return Broken("it ends in the middle of a number");
    const T value = Load<T>(bytes_.data() + at_);
    at_ += sizeof(T);
    return value;
  }

  Result<size_t> ReadLength();
  Result<std::string_view> ReadText();
  Result<Document> ReadValue(char marker, int depth, bool skip);
  Result<Document> ReadObject(int depth, bool skip);
  Result<Document> ReadArray(int depth, bool skip);
  Result<Document> ReadTypedArray(char type, size_t n, bool skip);
  template <typename From, typename To>
  Result<Document> ReadNumbers(size_t n, bool skip);

  std::string_view bytes_;
  size_t at_ = 0;
  size_t count_ = 0;
};

Result<size_t> UbjReader::ReadLength() {
  MR_ASSIGN_OR_RETURN(const char marker, Next());
  if (std::string_view("iUIlL").find(marker) == std::string_view::npos) {
    return Broken("a length should be a whole number");
  }
  MR_ASSIGN_OR_RETURN(const Document number, ReadValue(marker, 0, false));
  const int64_t n = std::get<int64_t>(number.value);
  // Every element has at least one byte, so a longer length is a lie.
  if (n < 0 || static_cast<uint64_t>(n) > Left())
    return Broken("a length is larger than the rest of the file");
  return static_cast<size_t>(n);
}

Result<std::string_view> UbjReader::ReadText() {
  MR_ASSIGN_OR_RETURN(const size_t n, ReadLength());
  const std::string_view text = bytes_.substr(at_, n);
  at_ += n;
  return text;
}

template <typename From, typename To>
Result<Document> UbjReader::ReadNumbers(size_t n, bool skip) {
  if (n > Left() / sizeof(From)) return Broken("an array is longer than the rest of the file");
  const char* data = bytes_.data() + at_;
  at_ += n * sizeof(From);
  if (skip) return Document{};
  MR_RETURN_IF_ERROR(Count(n));
  std::vector<To> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = static_cast<To>(Load<From>(data + i * sizeof(From)));
  return Document{std::move(values)};
}

Result<Document> UbjReader::ReadTypedArray(char type, size_t n, bool skip) {
  switch (type) {
    case 'i':
      return ReadNumbers<int8_t, int64_t>(n, skip);
    case 'U':
      return ReadNumbers<uint8_t, int64_t>(n, skip);
    case 'I':
      return ReadNumbers<int16_t, int64_t>(n, skip);
    case 'l':
      return ReadNumbers<int32_t, int64_t>(n, skip);
    case 'L':
      return ReadNumbers<int64_t, int64_t>(n, skip);
    case 'd':
      return ReadNumbers<float, float>(n, skip);
    case 'D':
      return ReadNumbers<double, float>(n, skip);
    default:
      return Broken("an array has a type that models do not use");
  }
}

Result<Document> UbjReader::ReadArray(int depth, bool skip) {
  if (depth > kMaxDocumentDepth) return Broken("it is nested too deeply");
  if (Peek() == '$') {
    ++at_;
    MR_ASSIGN_OR_RETURN(const char type, Next());
    MR_ASSIGN_OR_RETURN(const char hash, Next());
    if (hash != '#') return Broken("a typed array should have a length");
    MR_ASSIGN_OR_RETURN(const size_t n, ReadLength());
    return ReadTypedArray(type, n, skip);
  }
  Document::Array items;
  std::vector<float> numbers;
  std::vector<int64_t> ints;
  bool counted = false;
  size_t n = 0;
  if (Peek() == '#') {
    ++at_;
    counted = true;
    MR_ASSIGN_OR_RETURN(n, ReadLength());
  }
  for (size_t i = 0; counted ? i < n : Peek() != ']'; ++i) {
    MR_ASSIGN_OR_RETURN(const char marker, Next());
    MR_ASSIGN_OR_RETURN(Document item, ReadValue(marker, depth + 1, skip));
    if (skip) continue;
    if (const auto* whole = std::get_if<int64_t>(&item.value)) ints.push_back(*whole);
    if (const auto* number = std::get_if<float>(&item.value)) numbers.push_back(*number);
    MR_RETURN_IF_ERROR(Count(kItemCost));
    items.push_back(std::move(item));
  }
  if (!counted) ++at_;
  if (!items.empty() && ints.size() == items.size()) return Document{std::move(ints)};
  if (!items.empty() && numbers.size() == items.size()) return Document{std::move(numbers)};
  return Document{std::move(items)};
}

Result<Document> UbjReader::ReadObject(int depth, bool skip) {
  if (depth > kMaxDocumentDepth) return Broken("it is nested too deeply");
  Document::Object fields;
  while (Peek() != '}') {
    MR_ASSIGN_OR_RETURN(const std::string_view key, ReadText());
    for (const auto& known : fields) {
      if (known.key == key) return Broken("an object has one field twice");
    }
    if (fields.size() >= 10'000)
      return ResourceExhausted("an object of the model has more than 10000 fields");
    const bool ignored = skip || IsIgnoredField(key);
    MR_ASSIGN_OR_RETURN(const char marker, Next());
    MR_ASSIGN_OR_RETURN(Document value, ReadValue(marker, depth + 1, ignored));
    if (!ignored) fields.push_back({std::string(key), std::move(value)});
  }
  ++at_;
  return Document{std::move(fields)};
}

template <typename T>
Result<Document> WholeNumber(Result<T> number) {
  if (!number.ok()) return number.status();
  return Document{static_cast<int64_t>(*number)};
}

Result<Document> UbjReader::ReadValue(char marker, int depth, bool skip) {
  MR_RETURN_IF_ERROR(Count(1));
  switch (marker) {
    case '{':
      return ReadObject(depth, skip);
    case '[':
      return ReadArray(depth, skip);
    case 'Z':
      return Document{};
    case 'T':
      return Document{true};
    case 'F':
      return Document{false};
    case 'S': {
      MR_ASSIGN_OR_RETURN(const std::string_view text, ReadText());
      return Document{std::string(text)};
    }
    case 'i':
      return WholeNumber(Fixed<int8_t>());
    case 'U':
    case 'C':
      return WholeNumber(Fixed<uint8_t>());
    case 'I':
      return WholeNumber(Fixed<int16_t>());
    case 'l':
      return WholeNumber(Fixed<int32_t>());
    case 'L':
      return WholeNumber(Fixed<int64_t>());
    case 'd': {
      MR_ASSIGN_OR_RETURN(const float number, Fixed<float>());
      return Document{number};
    }
    case 'D': {
      MR_ASSIGN_OR_RETURN(const double number, Fixed<double>());
      return Document{static_cast<float>(number)};
    }
    default:
      return Broken("a value has a type that models do not use");
  }
}

}  // namespace

Result<Document> ParseUbjDocument(std::string_view bytes) {
  if (bytes.size() > kMaxModelBytes) {
    return ResourceExhausted("the model has {} bytes; at most {} are read", bytes.size(), kMaxModelBytes);
  }
  return UbjReader(bytes).ReadRoot();
}

}  // namespace millrace::inference::internal
