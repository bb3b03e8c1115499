#include "controller/events_commit.h"

#include "base/json.h"

namespace millrace::controller {
namespace {

std::optional<EventTime> TimeAt(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number_integer()) return std::nullopt;
  return EventTime{found->get<int64_t>()};
}

Json ToJson(const EventsChange& change) {
  Json columns = Json::object();
  for (const auto& [column, time] : change.columns_from) columns[column] = time.micros;
  Json json = {{"columnsFrom", std::move(columns)}};
  if (change.added_from) json["addedFrom"] = change.added_from->micros;
  return json;
}

// Empty when it is not as ToJson writes it: then anything may be new.
std::optional<EventsChange> ChangeOf(const Json& json) {
  const auto columns = json.find("columnsFrom");
  if (!json.is_object() || columns == json.end() || !columns->is_object()) return std::nullopt;
  EventsChange change{.added_from = TimeAt(json, "addedFrom"), .columns_from = {}};
  for (const auto& [column, time] : columns->items()) {
    if (!time.is_number_integer()) return std::nullopt;
    change.columns_from[column] = EventTime{time.get<int64_t>()};
  }
  return change;
}

}  // namespace

std::string ToMetadata(const EventsCommit& commit) {
  Json json = {{"input", commit.input}, {"deadLetters", commit.dead_letters}, {"through", commit.through}};
  if (commit.pushed_rows >= 0) json["pushedRows"] = commit.pushed_rows;
  if (commit.change) json["change"] = ToJson(*commit.change);
  if (commit.oldest) json["oldest"] = commit.oldest->micros;
  if (commit.newest) json["newest"] = commit.newest->micros;
  return FormatJson(json);
}

std::optional<EventsCommit> ParseEventsCommit(std::string_view metadata) {
  const Result<Json> json = ParseJson(metadata, 6);
  if (!json.ok() || !json->is_object()) return std::nullopt;
  const auto input = json->find("input");
  const auto dead = json->find("deadLetters");
  const auto through = json->find("through");
  if (input == json->end() || !input->is_string()) return std::nullopt;
  if (dead == json->end() || !dead->is_number_integer()) return std::nullopt;
  if (through == json->end() || !through->is_number_integer()) return std::nullopt;
  EventsCommit commit{.input = input->get<std::string>(),
                      .dead_letters = dead->get<int64_t>(),
                      .through = through->get<uint64_t>(),
                      .oldest = TimeAt(*json, "oldest"),
                      .newest = TimeAt(*json, "newest")};
  const auto pushed = json->find("pushedRows");
  if (pushed != json->end() && pushed->is_number_integer()) commit.pushed_rows = pushed->get<int64_t>();
  const auto change = json->find("change");
  if (change != json->end()) commit.change = ChangeOf(*change);
  return commit;
}

}  // namespace millrace::controller
