#include <algorithm>
#include <chrono>
#include <thread>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/documents.h"
#include "cli/terminal.h"

namespace millrace::cli {
namespace {

struct Args {
  ServerOptions server;
  std::vector<std::string> names;
  std::vector<std::string> files;
  bool no_wait = false;
};

struct Doomed {
  NamedResource named;
  std::string project;
};

// What refers to others goes before what it refers to.
Result<std::vector<Doomed>> Collect(const Args& args) {
  std::vector<Doomed> doomed;
  if (!args.names.empty()) {
    MR_ASSIGN_OR_RETURN(const std::vector<NamedResource> names, ParseNames(args.names));
    for (const NamedResource& named : names) doomed.push_back({named, args.server.project});
  }
  if (!args.files.empty()) {
    MR_ASSIGN_OR_RETURN(const std::vector<resource::Document> documents, LoadDocuments(args.files));
    for (const resource::Document& document : documents) {
      MR_ASSIGN_OR_RETURN(const resource::Kind* kind, KindNamed(document.value.value("kind", "")));
      const Json metadata = document.value.value("metadata", Json::object());
      doomed.push_back({{.kind = kind, .name = metadata.value("name", "")},
                        metadata.value("namespace", args.server.project)});
    }
  }
  for (const Doomed& one : doomed) {
    if (one.named.name.empty())
      return InvalidArgument("name what to delete: {}/NAME", one.named.kind->singular);
  }
  std::stable_sort(doomed.begin(), doomed.end(),
                   [](const Doomed& a, const Doomed& b) { return a.named.kind->rank > b.named.kind->rank; });
  return doomed;
}

// The sentence of its condition Ready, for whoever waits in vain.
std::string ReasonOf(const Json& item) {
  const Json conditions = item.value("status", Json::object()).value("conditions", Json::array());
  for (const Json& condition : conditions) {
    if (condition.value("type", "") == "Ready") return condition.value("message", "");
  }
  return "";
}

// Returns when the resource is gone: whoever applies another of its name must not meet it.
Status WaitUntilGone(http::Client& client, const std::string& path, const std::string& uid) {
  constexpr std::chrono::milliseconds kLook(100);
  constexpr std::chrono::minutes kPatience(2);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    const Result<Json> found = GetJson(client, path);
    if (found.status().code() == Code::kNotFound) return Ok();
    if (!found.ok()) return found.status();
    if (found->value("metadata", Json::object()).value("uid", "") != uid) return Ok();
    if (std::chrono::steady_clock::now() > deadline) {
      return DeadlineExceeded("it is still being deleted. {}", ReasonOf(*found));
    }
    std::this_thread::sleep_for(kLook);
  }
}

Status DeleteOne(const Args& args, http::Client& client, const Doomed& one) {
  const std::string path = ResourcePath(*one.named.kind, one.project, one.named.name);
  MR_ASSIGN_OR_RETURN(const Json answer, SendJson(client, http::Method::kDelete, path, Json()));
  // What has something to remove is shown as it is, with the time of its deletion.
  const Json metadata = answer.value("metadata", Json::object());
  const bool leaving = metadata.contains("deletionTimestamp");
  if (leaving && !args.no_wait) {
    MR_RETURN_IF_ERROR(WaitUntilGone(client, path, metadata.value("uid", ""))
                           .WithContext(fmt::format("{} {}", one.named.kind->name, one.named.name)));
  }
  Print(fmt::format("{} {} {}\n", one.named.kind->name, one.named.name,
                    leaving && args.no_wait ? "is being deleted" : "deleted"));
  return Ok();
}

Status Delete(const Args& args) {
  MR_ASSIGN_OR_RETURN(const std::vector<Doomed> doomed, Collect(args));
  if (doomed.empty()) return InvalidArgument("name what to delete: KIND/NAME, or -f FILE");
  MR_ASSIGN_OR_RETURN(http::Client client, Connect(args.server));
  for (const Doomed& one : doomed) {
    MR_RETURN_IF_ERROR(DeleteOne(args, client, one));
  }
  return Ok();
}

}  // namespace

Command DeleteCommand() {
  auto args = std::make_shared<Args>();
  return {
      .name = "delete",
      .help = "Deletes resources with what they made; refused, with their names, while others need them.",
      .options = WithServer({Texts("NAME", "KIND/NAME, or KIND NAME.", &args->names),
                             Texts("-f,--file", "What these YAML files or folders name.", &args->files),
                             Flag("--no-wait", "Ends before all that they made is removed.", &args->no_wait)},
                            args->server),
      .run = [args] { return Delete(*args); },
      .footer = "millrace delete modelendpoint/fraud"};
}

}  // namespace millrace::cli
