// ObjectStore: the objects of one kind, packed, with indexes. Pure: no I/O, no
// lock; const functions may run beside one another.
//
// A key is "namespace/name", or "name" for what is cluster-wide.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/json.h"
#include "kube/informer.h"
#include "kube/internal/object_codec.h"

namespace millrace::kube::internal {

class ObjectStore {
 public:
  explicit ObjectStore(std::vector<Index> indexes)
      : indexes_(std::move(indexes)), by_value_(indexes_.size()) {}

  // "" for what has no name.
  static std::string KeyOf(const Json& object);

  struct Change {
    bool changed = false;     // false: it is there in this very version
    std::optional<Json> old;  // what was there before
  };
  Change Put(const std::string& key, const std::string& version, const Json& object);
  // What was there.
  std::optional<Json> Remove(const std::string& key);

  std::optional<Json> Get(const std::string& key) const;
  // Sorted.
  std::vector<std::string> Keys() const;
  std::vector<std::string> KeysBy(std::string_view index, const std::string& value) const;
  // Those that `present` does not name, sorted.
  std::vector<std::string> Missing(const std::unordered_set<std::string>& present) const;

  size_t size() const { return entries_.size(); }
  // What the objects, their names and indexes take, about.
  size_t bytes() const;

 private:
  struct Entry {
    std::string version;
    std::string packed;
  };
  using Entries = std::unordered_map<std::string, Entry>;
  using Node = const Entries::value_type*;  // stays where it is while the entry lives

  void AddToIndexes(Node node, const Json& object);
  void RemoveFromIndexes(Node node, const Json& object);

  std::vector<Index> indexes_;
  ObjectCodec codec_;
  Entries entries_;
  std::vector<std::unordered_map<std::string, std::vector<Node>>>
      by_value_;  // of each index; sorted by address
  size_t packed_bytes_ = 0;
};

}  // namespace millrace::kube::internal
