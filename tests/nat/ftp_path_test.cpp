// SPDX-License-Identifier: BSD-3-Clause
// Whole control connections at random; tests/fuzz/fuzz_ftp_text.cpp searches further.
#include "tests/nat/ftp_path.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/nat/ftp_endpoint.hpp"

namespace usher::test {
namespace {

TEST(FtpPath, TranslatesAnyCutOfAnyText) {
    std::mt19937 random(1);
    for (int run = 0; run < 3000; ++run) {
        std::vector<std::uint8_t> choices(random() % 1500);
        for (std::uint8_t& choice : choices)
            choice = static_cast<std::uint8_t>(random());
        try {
            run_ftp_path(choices);
        } catch (const Broken& broken) {
            FAIL() << "run " << run << ": " << broken.what();
        }
    }
}

}  // namespace
}  // namespace usher::test
