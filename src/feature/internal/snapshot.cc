#include "feature/internal/snapshot.h"

#include <algorithm>

#include "base/json.h"
#include "feature/internal/byte_codec.h"
#include "feature/internal/crc32c.h"

namespace millrace::feature {
namespace {

constexpr std::string_view kMagic = "MRSN";
constexpr uint32_t kVersion = 1;
constexpr size_t kHead = 20;

Json MetaJson(const SourceState& state, const SnapshotMeta& meta) {
  Json views = Json::array();
  for (const auto& view : state.views()) views.push_back(ViewToJson(view->plan()));
  return {{"source", SourceToJson(state.source())},
          {"views", views},
          {"marker", meta.marker},
          {"position", meta.position},
          {"confirmed", meta.confirmed},
          {"newest", state.newest()},
          {"arrivals", state.arrivals()},
          {"events", meta.events},
          {"late", meta.late},
          {"duplicates", meta.duplicates},
          {"unknownIds", meta.unknown_ids}};
}

void WriteView(ByteWriter& writer, const ViewState& view) {
  const ViewLayout& layout = view.layout();
  uint64_t keys = 0;
  view.ForEachKey([&](const ViewState::KeyView&) { ++keys; });
  writer.Put(keys);
  view.ForEachKey([&](const ViewState::KeyView& key) {
    writer.PutText(key.key);
    writer.Put(key.evicted_until);
    writer.Put(static_cast<uint64_t>(key.ring->size()));
    for (int64_t at = key.ring->first(); at < key.ring->last(); ++at) {
      const uint64_t* const row = key.ring->Row(at, layout.stride);
      for (size_t word = 0; word < layout.stride; ++word) writer.Put(row[word]);
      if (layout.text_ids && ViewLayout::HasId(row)) writer.PutText(key.texts->Text(ViewLayout::Id(row)));
      for (const size_t slot : layout.text_slots) {
        const int number = static_cast<int>(slot);
        if (ViewLayout::Has(row, number)) writer.PutText(key.texts->Text(layout.Slot(row, number)));
      }
    }
  });
}

void WriteIds(ByteWriter& writer, const SourceState& state) {
  std::vector<std::vector<uint64_t>> firsts;
  for (const size_t view : state.later_views()) firsts.push_back(state.views()[view]->FirstOrdinals());
  writer.Put(static_cast<uint64_t>(state.ids()));
  state.ForEachId([&](const Cell& id, int64_t time, std::span<const uint64_t> handles) {
    if (state.text_ids()) {
      writer.PutText(id.text());
    } else {
      writer.Put(id.integer);
    }
    writer.Put(time);
    for (size_t i = 0; i < handles.size(); ++i) {
      const uint64_t key = handles[i] - 1;
      writer.Put(handles[i] == 0 ? uint64_t{0} : firsts[i][key >> 32] + (key & 0xffffffff) + 1);
    }
  });
}

// The keys' handles in the order of the file.
Result<std::vector<KeyHandle>> ReadView(ByteReader& reader, ViewState& view) {
  const ViewLayout& layout = view.layout();
  std::vector<KeyHandle> handles;
  std::vector<uint64_t> words(layout.stride);
  std::vector<std::string_view> texts;
  const uint64_t keys = reader.GetCount(20);
  for (uint64_t key = 0; key < keys && reader.ok(); ++key) {
    const std::string_view bytes = reader.GetText();
    const int64_t evicted_until = reader.Get<int64_t>();
    const KeyHandle handle = view.RestoreKey(bytes, evicted_until);
    handles.push_back(handle);
    const uint64_t rows = reader.GetCount(layout.stride * sizeof(uint64_t));
    for (uint64_t i = 0; i < rows; ++i) {
      for (uint64_t& word : words) word = reader.Get<uint64_t>();
      texts.clear();
      if (layout.text_ids && ViewLayout::HasId(words.data())) texts.push_back(reader.GetText());
      for (const size_t slot : layout.text_slots) {
        if (ViewLayout::Has(words.data(), static_cast<int>(slot))) texts.push_back(reader.GetText());
      }
      if (!reader.ok()) break;
      const int64_t time = ViewLayout::Time(words.data());
      if (time <= kBeginningOfTime || time >= -kBeginningOfTime)
        return DataLoss("an event has no usable time");
      view.RestoreRow(handle, words, texts);
    }
  }
  if (!reader.ok()) return DataLoss("the keys of {} end too soon", view.plan().name);
  return handles;
}

Status ReadIds(ByteReader& reader, SourceState& state, const std::vector<std::vector<KeyHandle>>& keys) {
  const uint64_t count = reader.GetCount(12 + keys.size() * 8);
  std::vector<uint64_t> handles(keys.size());
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    const Cell id = state.text_ids() ? Cell::Text(reader.GetText()) : Cell::Int(reader.Get<int64_t>());
    const int64_t time = reader.Get<int64_t>();
    for (size_t view = 0; view < keys.size(); ++view) {
      const uint64_t ordinal = reader.Get<uint64_t>();
      if (ordinal > keys[view].size())
        return DataLoss("an id names key {} of {}", ordinal, keys[view].size());
      handles[view] = ordinal == 0 ? 0 : keys[view][ordinal - 1] + 1;
    }
    if (reader.ok()) state.RestoreId(id, time, handles);
  }
  if (!reader.ok()) return DataLoss("the ids end too soon");
  return Ok();
}

Result<int64_t> Number(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number_integer())
    return DataLoss("the snapshot has no number '{}'", name);
  return found->get<int64_t>();
}

Result<SourceSnapshotData> ReadMeta(std::string_view text, Micros history) {
  MR_ASSIGN_OR_RETURN(const Json json, ParseJson(text));
  if (!json.is_object() || !json.contains("source") || !json.contains("views") || !json["views"].is_array() ||
      !json.contains("marker") || !json["marker"].is_string()) {
    return DataLoss("the snapshot's description is incomplete");
  }
  SourceSnapshotData data;
  MR_ASSIGN_OR_RETURN(SourcePlan source, SourceFromJson(json["source"]));
  std::vector<ViewPlanPtr> views;
  for (const Json& item : json["views"]) {
    MR_ASSIGN_OR_RETURN(ViewPlanPtr view, ViewFromJson(item));
    if (!(view->source.schema == source.schema))
      return DataLoss("the snapshot's views are of another source");
    views.push_back(std::move(view));
  }
  data.meta.marker = json["marker"].get<std::string>();
  MR_ASSIGN_OR_RETURN(const int64_t position, Number(json, "position"));
  MR_ASSIGN_OR_RETURN(const int64_t newest, Number(json, "newest"));
  MR_ASSIGN_OR_RETURN(const int64_t arrivals, Number(json, "arrivals"));
  MR_ASSIGN_OR_RETURN(data.meta.events, Number(json, "events"));
  MR_ASSIGN_OR_RETURN(data.meta.late, Number(json, "late"));
  MR_ASSIGN_OR_RETURN(data.meta.duplicates, Number(json, "duplicates"));
  MR_ASSIGN_OR_RETURN(data.meta.unknown_ids, Number(json, "unknownIds"));
  data.meta.position = static_cast<uint64_t>(position);
  // Not in snapshots of before there was one.
  const auto confirmed = json.find("confirmed");
  if (confirmed != json.end() && confirmed->is_number_unsigned())
    data.meta.confirmed = confirmed->get<uint64_t>();
  data.state = std::make_shared<SourceState>(std::move(source), std::move(views), history);
  data.state->Restore(newest, static_cast<uint64_t>(arrivals));
  return data;
}

}  // namespace

std::string EncodeSnapshot(const SourceState& state, const SnapshotMeta& meta) {
  std::string bytes(kMagic);
  ByteWriter writer(bytes);
  writer.Put(kVersion);
  writer.Put(uint32_t{0});
  writer.Put(uint64_t{0});
  writer.PutText(FormatJson(MetaJson(state, meta)));
  for (const auto& view : state.views()) WriteView(writer, *view);
  WriteIds(writer, state);
  const uint32_t crc = Crc32c(std::string_view(bytes).substr(kHead));
  const uint64_t length = bytes.size() - kHead;
  std::memcpy(bytes.data() + 8, &crc, sizeof crc);
  std::memcpy(bytes.data() + 12, &length, sizeof length);
  return bytes;
}

Result<SourceSnapshotData> DecodeSnapshot(std::string_view bytes, const std::string& path, Micros history) {
  ByteReader head(bytes);
  const std::string_view magic = head.GetBytes(kMagic.size());
  const uint32_t version = head.Get<uint32_t>();
  const uint32_t crc = head.Get<uint32_t>();
  const uint64_t length = head.Get<uint64_t>();
  if (!head.ok() || magic != kMagic) return DataLoss("{} is no snapshot", path);
  if (version > kVersion) {
    return FailedPrecondition("{} has format {}, and this Millrace reads {}: it was written by a newer one",
                              path, version, kVersion);
  }
  const std::string_view payload = bytes.substr(kHead);
  if (length != payload.size() || Crc32c(payload) != crc)
    return DataLoss("{} is damaged: its checksum differs", path);
  ByteReader reader(payload);
  Result<SourceSnapshotData> data = ReadMeta(reader.GetText(), history);
  if (!data.ok()) return data.status().WithContext(path);
  std::vector<std::vector<KeyHandle>> later_keys;
  const std::span<const size_t> later = data->state->later_views();
  for (size_t view = 0; view < data->state->views().size(); ++view) {
    Result<std::vector<KeyHandle>> keys = ReadView(reader, *data->state->views()[view]);
    if (!keys.ok()) return keys.status().WithContext(path);
    if (std::find(later.begin(), later.end(), view) != later.end()) later_keys.push_back(std::move(*keys));
  }
  const Status ids = ReadIds(reader, *data->state, later_keys);
  if (!ids.ok()) return ids.WithContext(path);
  if (reader.left() != 0) return DataLoss("{} has {} bytes too many", path, reader.left());
  return data;
}

}  // namespace millrace::feature
