#include "controller/events_commit.h"

#include "base/json.h"

namespace millrace::controller {
namespace {

std::optional<EventTime> TimeAt(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number_integer()) return std::nullopt;
  return EventTime{found->get<int64_t>()};
}

}  // namespace

std::string ToMetadata(const EventsCommit& commit) {
  Json json = {{"input", commit.input}, {"deadLetters", commit.dead_letters}, {"through", commit.through}};
  if (commit.oldest) json["oldest"] = commit.oldest->micros;
  if (commit.newest) json["newest"] = commit.newest->micros;
  return FormatJson(json);
}

std::optional<EventsCommit> ParseEventsCommit(std::string_view metadata) {
  const Result<Json> json = ParseJson(metadata, 4);
  if (!json.ok() || !json->is_object()) return std::nullopt;
  const auto input = json->find("input");
  const auto dead = json->find("deadLetters");
  const auto through = json->find("through");
  if (input == json->end() || !input->is_string()) return std::nullopt;
  if (dead == json->end() || !dead->is_number_integer()) return std::nullopt;
  if (through == json->end() || !through->is_number_integer()) return std::nullopt;
  return EventsCommit{.input = input->get<std::string>(),
                      .dead_letters = dead->get<int64_t>(),
                      .through = through->get<uint64_t>(),
                      .oldest = TimeAt(*json, "oldest"),
                      .newest = TimeAt(*json, "newest")};
}

}  // namespace millrace::controller
