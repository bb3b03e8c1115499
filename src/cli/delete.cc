#include <algorithm>

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

Status Delete(const Args& args) {
  MR_ASSIGN_OR_RETURN(const std::vector<Doomed> doomed, Collect(args));
  if (doomed.empty()) return InvalidArgument("name what to delete: KIND/NAME, or -f FILE");
  MR_ASSIGN_OR_RETURN(http::Client client, Connect(args.server));
  for (const Doomed& one : doomed) {
    MR_RETURN_IF_ERROR(SendJson(client, http::Method::kDelete,
                                ResourcePath(*one.named.kind, one.project, one.named.name), Json())
                           .status());
    Print(fmt::format("{} {} deleted\n", one.named.kind->name, one.named.name));
  }
  return Ok();
}

}  // namespace

Command DeleteCommand() {
  auto args = std::make_shared<Args>();
  return {.name = "delete",
          .help = "Deletes resources; refused, with their names, while others need them.",
          .options = WithServer({Texts("NAME", "KIND/NAME, or KIND NAME.", &args->names),
                                 Texts("-f,--file", "What these YAML files or folders name.", &args->files)},
                                args->server),
          .run = [args] { return Delete(*args); },
          .footer = "millrace delete modelendpoint/fraud"};
}

}  // namespace millrace::cli
