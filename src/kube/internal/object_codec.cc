#include "kube/internal/object_codec.h"

#include <zlib.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "base/json.h"

namespace millrace::kube::internal {
namespace {

constexpr size_t kDictionary = 8 << 10;
constexpr int kWindowBits = -14;  // raw deflate; 16 KiB see the dictionary and an object
constexpr int kMemoryLevel = 7;
constexpr int kLevel = 6;
constexpr char kRaw = 'r';
constexpr char kDeflated = 'z';

// zlib's interface is older than const.
Bytef* Bytes(const char* text) { return reinterpret_cast<Bytef*>(const_cast<char*>(text)); }

std::string Inflate(std::string_view packed, size_t size, const std::string& dictionary) {
  std::string text(size, '\0');
  z_stream stream{};
  MR_CHECK(::inflateInit2(&stream, kWindowBits) == Z_OK, "zlib cannot begin");
  MR_CHECK(
      ::inflateSetDictionary(&stream, Bytes(dictionary.data()), static_cast<uInt>(dictionary.size())) == Z_OK,
      "zlib does not take the dictionary");
  stream.next_in = Bytes(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = Bytes(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const int end = ::inflate(&stream, Z_FINISH);
  const bool whole = end == Z_STREAM_END && stream.avail_out == 0;
  ::inflateEnd(&stream);
  MR_CHECK(whole, "a packed object does not unpack: zlib says {}", end);
  return text;
}

}  // namespace

struct ObjectCodec::Deflater {
  z_stream primed{};
  ~Deflater() { ::deflateEnd(&primed); }

  explicit Deflater(const std::string& dictionary) {
    MR_CHECK(
        ::deflateInit2(&primed, kLevel, Z_DEFLATED, kWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK,
        "zlib cannot begin");
    ::deflateSetDictionary(&primed, Bytes(dictionary.data()), static_cast<uInt>(dictionary.size()));
  }

  std::string Deflate(const std::string& text) {
    z_stream stream{};
    MR_CHECK(::deflateCopy(&stream, &primed) == Z_OK, "zlib cannot copy its state");
    std::string out(::deflateBound(&stream, text.size()) + 16, '\0');
    stream.next_in = Bytes(text.data());
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = Bytes(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int end = ::deflate(&stream, Z_FINISH);
    out.resize(out.size() - stream.avail_out);
    ::deflateEnd(&stream);
    MR_CHECK(end == Z_STREAM_END, "an object does not pack: zlib says {}", end);
    return out;
  }
};

ObjectCodec::ObjectCodec() = default;
ObjectCodec::~ObjectCodec() = default;
ObjectCodec::ObjectCodec(ObjectCodec&&) noexcept = default;
ObjectCodec& ObjectCodec::operator=(ObjectCodec&&) noexcept = default;

std::string ObjectCodec::Pack(const Json& object) {
  const std::string text = FormatJson(object);
  std::string packed;
  if (!deflater_) {
    dictionary_ += text.substr(0, kDictionary - dictionary_.size());
    if (dictionary_.size() >= kDictionary) deflater_ = std::make_unique<Deflater>(dictionary_);
    packed.reserve(text.size() + 1);
    packed += kRaw;
    packed += text;
    return packed;
  }
  const std::string deflated = deflater_->Deflate(text);
  const auto size = static_cast<uint32_t>(text.size());
  std::array<char, sizeof(size)> head{};
  std::memcpy(head.data(), &size, sizeof(size));
  packed.reserve(deflated.size() + 1 + head.size());
  packed += kDeflated;
  packed.append(head.data(), head.size());
  packed += deflated;
  return packed;
}

Json ObjectCodec::Unpack(std::string_view packed) const {
  MR_CHECK(!packed.empty(), "nothing was packed");
  std::string text;
  if (packed.front() == kRaw) {
    text = packed.substr(1);
  } else {
    uint32_t size = 0;
    std::memcpy(&size, packed.data() + 1, sizeof(size));
    text = Inflate(packed.substr(1 + sizeof(size)), size, dictionary_);
  }
  // Our own text: neither depth nor doubled keys need to be looked for again.
  Json object = Json::parse(text, nullptr, false);
  MR_CHECK(!object.is_discarded(), "a packed object is no JSON");
  return object;
}

size_t ObjectCodec::bytes() const { return dictionary_.capacity() + (deflater_ ? size_t{128} << 10 : 0); }

}  // namespace millrace::kube::internal
