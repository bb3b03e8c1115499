// ObjectCodec: JSON objects of one kind as few bytes.
//
// As nlohmann's tree a pod takes 24 KB, as text 3.6 KB. Objects of one kind are
// much alike, so the texts of the first few become a dictionary (8 KiB), and each
// later one is deflated against it (RFC 1951; zlib's preset dictionary): some 350
// bytes a pod. What costs little memory costs time instead: Unpack inflates and parses.
//
// Pack is for one thread at a time; Unpack is const and may run beside itself.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/json_fwd.h"

namespace millrace::kube::internal {

class ObjectCodec {
 public:
  ObjectCodec();
  ~ObjectCodec();
  ObjectCodec(ObjectCodec&&) noexcept;
  ObjectCodec& operator=(ObjectCodec&&) noexcept;

  std::string Pack(const Json& object);
  // Of what this codec packed.
  Json Unpack(std::string_view packed) const;

  size_t bytes() const;  // of its own: dictionary and state

 private:
  struct Deflater;

  std::string dictionary_;
  std::unique_ptr<Deflater> deflater_;  // primed; there once the dictionary is whole
};

}  // namespace millrace::kube::internal
