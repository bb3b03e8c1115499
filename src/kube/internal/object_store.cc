#include "kube/internal/object_store.h"

#include <algorithm>

namespace millrace::kube::internal {
namespace {

std::string TextAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string ObjectStore::KeyOf(const Json& object) {
  if (!object.is_object()) return "";
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return "";
  const std::string name = TextAt(*metadata, "name");
  const std::string ns = TextAt(*metadata, "namespace");
  return ns.empty() || name.empty() ? name : ns + "/" + name;
}

void ObjectStore::AddToIndexes(Node node, const Json& object) {
  for (size_t i = 0; i < indexes_.size(); ++i) {
    for (const std::string& value : indexes_[i].values(object)) {
      std::vector<Node>& nodes = by_value_[i][value];
      const auto place = std::lower_bound(nodes.begin(), nodes.end(), node, std::less<Node>());
      if (place == nodes.end() || *place != node) nodes.insert(place, node);
    }
  }
}

void ObjectStore::RemoveFromIndexes(Node node, const Json& object) {
  for (size_t i = 0; i < indexes_.size(); ++i) {
    for (const std::string& value : indexes_[i].values(object)) {
      const auto found = by_value_[i].find(value);
      if (found == by_value_[i].end()) continue;
      std::vector<Node>& nodes = found->second;
      const auto place = std::lower_bound(nodes.begin(), nodes.end(), node, std::less<Node>());
      if (place != nodes.end() && *place == node) nodes.erase(place);
      if (nodes.empty()) by_value_[i].erase(found);
    }
  }
}

ObjectStore::Change ObjectStore::Put(const std::string& key, const std::string& version, const Json& object) {
  Change change;
  const auto [place, is_new] = entries_.try_emplace(key);
  Entry& entry = place->second;
  if (!is_new) {
    if (entry.version == version && !version.empty()) return change;
    change.old = codec_.Unpack(entry.packed);
    RemoveFromIndexes(&*place, *change.old);
    packed_bytes_ -= entry.packed.capacity();
  }
  change.changed = true;
  entry.version = version;
  entry.packed = codec_.Pack(object);
  packed_bytes_ += entry.packed.capacity();
  AddToIndexes(&*place, object);
  return change;
}

std::optional<Json> ObjectStore::Remove(const std::string& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  Json old = codec_.Unpack(found->second.packed);
  RemoveFromIndexes(&*found, old);
  packed_bytes_ -= found->second.packed.capacity();
  entries_.erase(found);
  return old;
}

std::optional<Json> ObjectStore::Get(const std::string& key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  return codec_.Unpack(found->second.packed);
}

std::vector<std::string> ObjectStore::Keys() const {
  std::vector<std::string> keys;
  keys.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::vector<std::string> ObjectStore::KeysBy(std::string_view index, const std::string& value) const {
  std::vector<std::string> keys;
  for (size_t i = 0; i < indexes_.size(); ++i) {
    if (indexes_[i].name != index) continue;
    const auto found = by_value_[i].find(value);
    if (found == by_value_[i].end()) break;
    for (const Node node : found->second) keys.push_back(node->first);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::vector<std::string> ObjectStore::Missing(const std::unordered_set<std::string>& present) const {
  std::vector<std::string> missing;
  for (const auto& [key, entry] : entries_) {
    if (!present.contains(key)) missing.push_back(key);
  }
  std::sort(missing.begin(), missing.end());
  return missing;
}

size_t ObjectStore::bytes() const {
  size_t bytes = codec_.bytes() + packed_bytes_ + entries_.bucket_count() * sizeof(void*);
  for (const auto& [key, entry] : entries_) {
    bytes += sizeof(Entries::value_type) + 2 * sizeof(void*) + (key.capacity() > 15 ? key.capacity() + 1 : 0);
  }
  for (const auto& values : by_value_) {
    for (const auto& [value, nodes] : values)
      bytes += value.size() + sizeof(nodes) + nodes.capacity() * sizeof(Node);
  }
  return bytes;
}

}  // namespace millrace::kube::internal
