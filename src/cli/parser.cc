// The one place that knows CLI11.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/text.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"

namespace millrace::cli {
namespace {

void AddOption(CLI::App& app, const Option& option) {
  CLI::Option* added = std::visit(
      [&](auto* target) -> CLI::Option* {
        if constexpr (std::is_same_v<decltype(target), bool*>) {
          return app.add_flag(option.names, *target, option.help);
        } else {
          return app.add_option(option.names, *target, option.help);
        }
      },
      option.target);
  if (option.required) added->required();
  if (!option.values.empty()) added->check(CLI::IsMember(option.values));
  if (!option.env.empty()) added->envname(option.env);
  if (option.one_each) added->allow_extra_args(false);
}

void AddCommand(CLI::App& parent, const Command& command, const Command** chosen) {
  CLI::App* app = parent.add_subcommand(command.name, command.help);
  if (command.hidden) app->group("");
  if (!command.footer.empty()) app->footer(command.footer);
  for (const Option& option : command.options) AddOption(*app, option);
  for (const Command& sub : command.subcommands) AddCommand(*app, sub, chosen);
  if (!command.subcommands.empty()) app->require_subcommand(1);
  if (command.run) {
    app->callback([&command, chosen] { *chosen = &command; });
  }
}

// The nearest subcommand to the first word that is none.
std::string DidYouMean(const std::vector<Command>& commands, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front().starts_with("-")) return "";
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (command.name == arguments.front()) return "";
    if (!command.hidden) names.push_back(command.name);
  }
  const std::string near = Nearest(arguments.front(), names);
  const std::string hint = near.empty() ? "See 'millrace --help'." : fmt::format("Did you mean '{}'?", near);
  return fmt::format("'{}' is no command of millrace. {}", arguments.front(), hint);
}

}  // namespace

int RunCommands(const std::vector<Command>& commands, const std::vector<std::string>& arguments,
                std::string& out) {
  CLI::App app("Millrace: features, models and predictions from one binary.", "millrace");
  app.require_subcommand(1);
  app.footer("'millrace COMMAND --help' tells more. Start with: millrace up examples/fraud");
  const Command* chosen = nullptr;
  for (const Command& command : commands) AddCommand(app, command, &chosen);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    const std::string unknown = DidYouMean(commands, arguments);
    if (!unknown.empty()) {
      PrintError(unknown);
      return kExitUsage;
    }
    const CLI::App* asked = &app;
    std::string before;  // the words that lead to the command, for its line of usage
    while (!asked->get_subcommands().empty()) {
      before += (before.empty() ? "" : " ") + asked->get_name();
      asked = asked->get_subcommands().front();
    }
    out = asked->help(before);
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    const std::string unknown = DidYouMean(commands, arguments);
    PrintError(unknown.empty() ? std::string(error.what()) : unknown);
    return kExitUsage;
  }
  const Status status = chosen == nullptr ? InvalidArgument("no command was given") : chosen->run();
  if (!status.ok() && !status.message().empty()) PrintError(status.message());
  return ExitCodeOf(status);
}

int RunMillrace(int argc, const char* const* argv) {
  std::string help;
  const int code = RunCommands(Commands(), std::vector<std::string>(argv + 1, argv + argc), help);
  std::fputs(help.c_str(), stdout);
  return code;
}

}  // namespace millrace::cli
