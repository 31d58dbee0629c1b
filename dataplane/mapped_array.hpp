// SPDX-License-Identifier: BSD-3-Clause
// A fixed array of zeroed memory straight from the kernel: reserved at start, touched when used,
// in 2 MiB pages where the kernel gives them. Only for types that are fine as all zeroes.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <type_traits>

namespace usher {

template <class T>
class MappedArray {
    static_assert(std::is_trivially_destructible_v<T>);

  public:
    explicit MappedArray(std::size_t count) : count_(count) {
        void* memory = mmap(nullptr, bytes(), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        madvise(memory, bytes(), MADV_HUGEPAGE);  // only advice: a refusal costs speed, no more
        data_ = static_cast<T*>(memory);
    }
    ~MappedArray() { munmap(data_, bytes()); }
    MappedArray(const MappedArray&) = delete;
    MappedArray& operator=(const MappedArray&) = delete;

    T& operator[](std::size_t i) { return data_[i]; }
    const T& operator[](std::size_t i) const { return data_[i]; }
    T* data() { return data_; }
    const T* data() const { return data_; }
    std::size_t size() const { return count_; }
    std::size_t bytes() const { return count_ * sizeof(T); }

  private:
    std::size_t count_;
    T* data_ = nullptr;
};

}  // namespace usher
