// SPDX-License-Identifier: BSD-3-Clause
// A tournament: who of n has the least key; of equal ones the first. To change a key costs a walk
// from its leaf to the root, about log2(n) comparisons without a branch.
//
// One thread at a time. Keys are not negative and may be infinite.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

namespace usher {

class Tournament {
  public:
    explicit Tournament(std::uint32_t count) : leaves_(std::bit_ceil(count)), nodes_(2 * leaves_) {
        constexpr double kNever = std::numeric_limits<double>::infinity();
        for (std::uint32_t leaf = 0; leaf < leaves_; ++leaf)
            nodes_[leaves_ + leaf] = {std::bit_cast<std::uint64_t>(kNever), leaf};
    }

    // Only the leaf; play_all() must follow.
    void set_unplayed(std::uint32_t leaf, double key) { nodes_[leaves_ + leaf] = node(leaf, key); }
    void play_all() {
        for (std::uint32_t n = leaves_ - 1; n > 0; --n)
            nodes_[n] = least(nodes_[2 * n], nodes_[2 * n + 1]);
    }

    void set(std::uint32_t leaf, double key) {
        Node winner = node(leaf, key);
        std::uint32_t n = leaves_ + leaf;
        nodes_[n] = winner;
        while (n > 1) {
            winner = least(winner, nodes_[n ^ 1]);
            n >>= 1;
            nodes_[n] = winner;
        }
    }

    double key(std::uint32_t leaf) const {
        return std::bit_cast<double>(nodes_[leaves_ + leaf].key);
    }
    std::uint32_t winner() const { return static_cast<std::uint32_t>(nodes_[1].leaf); }

  private:
    // A double that is not negative is ordered as its bits are.
    struct Node {
        std::uint64_t key;
        std::uint64_t leaf;
    };
    static Node node(std::uint32_t leaf, double key) {
        return {std::bit_cast<std::uint64_t>(key), leaf};
    }
    // Written so that compilers make a subtraction of 128 bits and moves of it: which of the two it
    // is cannot be predicted.
    static Node least(const Node& a, const Node& b) {
        __extension__ using Wide = unsigned __int128;
        const bool first = (Wide{a.key} << 64 | a.leaf) < (Wide{b.key} << 64 | b.leaf);
        const std::uint64_t mask = std::uint64_t{0} - static_cast<std::uint64_t>(first);
        return {b.key ^ ((a.key ^ b.key) & mask), b.leaf ^ ((a.leaf ^ b.leaf) & mask)};
    }

    std::uint32_t leaves_;
    std::vector<Node> nodes_;  // node n has children 2n and 2n + 1; the leaves are in list order
};

}  // namespace usher
