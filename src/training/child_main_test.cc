// The test program is its own training child: called as `training_test train
// --run DIR` it is what `millrace train --run DIR` is.
#include <gtest/gtest.h>

#include <string_view>

#include "training/train_child.h"

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "train" && std::string_view(argv[2]) == "--run") {
    return millrace::training::RunTrainChild(argv[3]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
