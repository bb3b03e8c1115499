#include <cstdlib>

#include "cli/commands.h"
#include "training/train_child.h"

namespace millrace::cli {

Command TrainCommand() {
  auto directory = std::make_shared<std::string>();
  return {.name = "train",
          .help = "One training run, as Millrace starts it.",
          .options = {Required(Text("--run", "The run's directory.", directory.get()))},
          .run = [directory]() -> Status {
            // The child's exit codes are its own protocol (training/train_child.h).
            std::exit(training::RunTrainChild(*directory));
          },
          .hidden = true};
}

}  // namespace millrace::cli
