// Little-endian bytes, written to a string and read back with bounds.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace::feature {

static_assert(std::endian::native == std::endian::little, "files are little-endian");

class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}
  template <typename T>
  void Put(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void PutText(std::string_view text) {
    Put(static_cast<uint32_t>(text.size()));
    out_.append(text);
  }

 private:
  std::string& out_;
};

// After a read beyond the end, ok() is false and everything reads as 0 and "".
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}
  template <typename T>
  T Get() {
    T value{};
    if (bytes_.size() < sizeof value) {
      Fail();
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }
  std::string_view GetText() { return GetBytes(Get<uint32_t>()); }
  std::string_view GetBytes(size_t size) {
    if (bytes_.size() < size) {
      Fail();
      return {};
    }
    const std::string_view text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return text;
  }
  // A count of things that take at least `each` bytes; fails when they cannot be there.
  uint64_t GetCount(size_t each) {
    const uint64_t count = Get<uint64_t>();
    if (count <= bytes_.size() / each) return count;
    Fail();
    return 0;
  }
  bool ok() const { return ok_; }
  size_t left() const { return bytes_.size(); }

 private:
  void Fail() {
    ok_ = false;
    bytes_ = {};
  }
  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace millrace::feature
