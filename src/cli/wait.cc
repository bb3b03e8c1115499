#include <chrono>
#include <thread>

#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/terminal.h"
#include "resource/resource.h"

namespace millrace::cli {
namespace {

using Steady = std::chrono::steady_clock;

struct Args {
  ServerOptions server;
  std::vector<std::string> names;
  std::string target = "condition=Ready";
  std::string timeout = "5m";
  bool quiet = false;
};

struct Goal {
  bool deletion = false;
  std::string condition = "Ready";
  std::string status = "True";
};

// "condition=Ready", "condition=Ready=False", "delete".
Result<Goal> ParseGoal(const std::string& text) {
  Goal goal;
  if (text == "delete") {
    goal.deletion = true;
    return goal;
  }
  constexpr std::string_view kPrefix = "condition=";
  if (!text.starts_with(kPrefix) || text.size() == kPrefix.size()) {
    return InvalidArgument("--for={} should be condition=TYPE, condition=TYPE=STATUS or delete", text);
  }
  goal.condition = text.substr(kPrefix.size());
  const size_t equals = goal.condition.find('=');
  if (equals != std::string::npos) {
    goal.status = goal.condition.substr(equals + 1);
    goal.condition.resize(equals);
  }
  return goal;
}

// True when the resource is as wanted; `why` says what it is instead.
Result<bool> Reached(http::Client& client, const std::string& target, const Goal& goal, std::string& why) {
  const Result<Json> answer = GetJson(client, target);
  if (!answer.ok()) {
    if (answer.status().code() != Code::kNotFound) return answer.status();
    why = "it does not exist";
    return goal.deletion;
  }
  if (goal.deletion) {
    why = "it is still there";
    return false;
  }
  const Json status = resource::ValueAt(*answer, "status");
  const auto condition = status.is_object() ? resource::FindCondition(status, goal.condition)
                                            : std::optional<resource::Condition>();
  if (!condition) {
    why = fmt::format("it has no condition {} yet", goal.condition);
    return false;
  }
  why = condition->message;
  const Json generation = resource::ValueAt(*answer, "metadata.generation");
  // A condition of an older definition says nothing about this one.
  const bool current =
      !generation.is_number_integer() || condition->observed_generation >= generation.get<int64_t>();
  return current && resource::ConditionStatusName(condition->status) == goal.status;
}

Status Wait(const Args& args) {
  MR_ASSIGN_OR_RETURN(const Goal goal, ParseGoal(args.target));
  MR_ASSIGN_OR_RETURN(const Micros timeout, ParseDuration(args.timeout));
  MR_ASSIGN_OR_RETURN(const std::vector<NamedResource> names, ParseNames(args.names));
  MR_ASSIGN_OR_RETURN(http::Client client, Connect(args.server));
  const auto deadline = Steady::now() + timeout;
  LiveLine line;
  for (const NamedResource& named : names) {
    if (named.name.empty()) return InvalidArgument("name what to wait for: {}/NAME", named.kind->singular);
    const std::string target = ResourcePath(*named.kind, args.server.project, named.name);
    std::string why;
    while (true) {
      const Result<bool> reached = Reached(client, target, goal, why);
      // A server that is not there yet is waited for, too.
      const bool starting =
          !reached.ok() &&
          (reached.status().code() == Code::kUnavailable ||
           (client.options().token.empty() && reached.status().code() == Code::kUnauthenticated));
      if (!reached.ok() && !starting) return reached.status();
      if (!reached.ok()) {
        why = reached.status().message();
        // Its token may be there by then, too.
        MR_ASSIGN_OR_RETURN(client, Connect(args.server));
      }
      if (reached.ok() && *reached) break;
      if (Steady::now() >= deadline) {
        line.Clear();
        return DeadlineExceeded("{} {} did not get there within {}: {}", named.kind->name, named.name,
                                args.timeout, why);
      }
      if (!args.quiet) line.Show(fmt::format("{} {}: {}", named.kind->name, named.name, why));
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    line.Clear();
    if (!args.quiet)
      Print(fmt::format("{} {}: {}\n", named.kind->name, named.name, goal.deletion ? "gone" : why));
  }
  return Ok();
}

}  // namespace

Command WaitCommand() {
  auto args = std::make_shared<Args>();
  return {.name = "wait",
          .help = "Waits until resources are as wanted; exit code 6 when the time is over.",
          .options = WithServer({Required(Texts("NAME", "KIND/NAME.", &args->names)),
                                 Text("--for", "condition=TYPE[=STATUS], or delete.", &args->target),
                                 Text("--timeout", "How long, such as 90s or 5m.", &args->timeout),
                                 Flag("-q,--quiet", "Says nothing.", &args->quiet)},
                                args->server),
          .run = [args] { return Wait(*args); },
          .footer = "millrace wait modelendpoint/fraud --for=condition=Ready --timeout=5m"};
}

}  // namespace millrace::cli
