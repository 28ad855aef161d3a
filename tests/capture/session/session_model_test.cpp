// Thousands of dialogues made from seeds, played straight and through a session: same bytes for the client, same rows
// committed, and every committed row told once.
#include "tests/capture/session/session_model.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

namespace weir::testing {
namespace {

std::string random_bytes(std::mt19937& random, std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) out.push_back(char(random() & 0xff));
  return out;
}

std::uint32_t seeds_asked() {
  const char* asked = std::getenv("WEIR_MODEL_SEEDS");
  return asked ? std::uint32_t(std::atoi(asked)) : 30'000;
}

TEST(SessionModelTest, NoDialogueTellsTheClientOrTheEventsOtherwise) {
  for (std::uint32_t seed = 0; seed < seeds_asked(); ++seed) {
    std::mt19937 random(seed);
    const auto messages = client_messages(random_bytes(random, 5 + random() % 60));
    ASSERT_EQ(play(messages, random_bytes(random, 40), seed), "") << "seed " << seed;
  }
}

TEST(SessionModelTest, WritesThatComeAgainAreWhatTheyAre) {
  for (std::uint32_t seed = 0; seed < seeds_asked() / 2; ++seed) {
    std::mt19937 random(seed);
    const auto messages = repeating_messages(random_bytes(random, 10 + random() % 50));
    const std::string pace = random_bytes(random, 40);
    ASSERT_EQ(play(messages, pace, seed), "") << "seed " << seed;
    ASSERT_EQ(stray(messages, pace, seed), "") << "seed " << seed;
  }
}

TEST(SessionModelTest, NoAnswerOutOfPlaceShowsWhatWeirAdded) {
  for (std::uint32_t seed = 0; seed < seeds_asked(); ++seed) {
    std::mt19937 random(seed);
    const auto messages = client_messages(random_bytes(random, 5 + random() % 60));
    ASSERT_EQ(stray(messages, random_bytes(random, 43), seed), "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace weir::testing
