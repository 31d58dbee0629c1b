// SPDX-License-Identifier: BSD-3-Clause
// FTP control connections through the helper: any text, any segments, any loss, order and
// retransmission, as the input chooses (tests/nat/ftp_path.hpp says what must hold).
#include <cstdio>
#include <cstdlib>

#include "tests/nat/ftp_endpoint.hpp"
#include "tests/nat/ftp_path.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        usher::test::run_ftp_path({data, size});
    } catch (const usher::test::Broken& broken) {
        std::fprintf(stderr, "%s\n", broken.what());
        std::abort();
    }
    return 0;
}
