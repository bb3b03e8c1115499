#include "cli/commands.h"

namespace millrace::cli {

std::vector<Command> Commands() {
  return {UpCommand(),       OperatorCommand(), ApplyCommand(),     ValidateCommand(), GetCommand(),
          DescribeCommand(), DeleteCommand(),   ExplainCommand(),   CrdsCommand(),     KubeconfigCommand(),
          WaitCommand(),     LogsCommand(),     PredictCommand(),   FeaturesCommand(), ModelsCommand(),
          ReplayCommand(),   SampleCommand(),   TokenCommand(),     AuditCommand(),    SimulateCommand(),
          TrainCommand(),    VersionCommand(),  CompletionCommand()};
}

}  // namespace millrace::cli
