/**
 * Reads MessagePack values straight from bytes, in any valid width, without allocating. A read that does not
 * fit returns -1 (or false) and leaves the position undefined: the caller gives up on the frame.
 */
export class FrameReader {
  #bytes: Uint8Array = new Uint8Array(0)
  #end = 0
  /** Where the next value starts; after `readBin`, where the bytes end. */
  position: number = 0
  /** Where the bytes that `readBin` found start. */
  binStart: number = 0

  get atEnd(): boolean {
    return this.position === this.#end
  }

  /** Reads from the range [start, end) of `bytes`, which stays the caller's. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes
    this.position = start
    this.#end = end
  }

  /** The count of an array's elements, or -1. */
  readArrayHeader(): number {
    const marker = this.#byte()
    if (marker >= 0x90 && marker <= 0x9f) return marker & 0x0f
    if (marker === 0xdc) return this.#uint(2)
    return marker === 0xdd ? this.#uint(4) : -1
  }

  /** An unsigned integer up to 2^53 - 1, or -1. Signed encodings of values from 0 are as good as unsigned. */
  readUint(): number {
    const marker = this.#byte()
    //= PAL-FRM-003
    if (marker < 0x80) return marker
    switch (marker) {
      case 0xcc:
        return this.#uint(1)
      case 0xcd:
        return this.#uint(2)
      case 0xce:
        return this.#uint(4)
      case 0xcf:
        return this.#uint64()
      default:
        return marker >= 0xd0 && marker <= 0xd3 ? this.#signed(marker - 0xd0) : -1
    }
  }

  /** Finds a run of bytes: from `binStart` to `position`. False when there is none. */
  readBin(): boolean {
    const marker = this.#byte()
    if (marker < 0xc4 || marker > 0xc6) return false
    const length = this.#uint(1 << (marker - 0xc4))
    if (length < 0 || length > this.#end - this.position) return false
    this.binStart = this.position
    this.position += length
    return true
  }

  /** Finds a text's UTF-8 bytes: from `binStart` to `position`. False when there is none. */
  readStr(): boolean {
    const marker = this.#byte()
    let length = -1
    if (marker >= 0xa0 && marker <= 0xbf) length = marker & 0x1f
    else if (marker >= 0xd9 && marker <= 0xdb) length = this.#uint(1 << (marker - 0xd9))
    if (length < 0 || length > this.#end - this.position) return false
    this.binStart = this.position
    this.position += length
    return true
  }

  /** A boolean, or undefined. */
  readBool(): boolean | undefined {
    const marker = this.#byte()
    return marker === 0xc2 ? false : marker === 0xc3 ? true : undefined
  }

  /** Moves past one value of any type allowed in a frame, in bytes that were scanned already. */
  skipValue(): void {
    let left = 1
    while (left-- > 0) {
      const marker = this.#bytes[this.position] as number
      if ((marker >= 0x90 && marker <= 0x9f) || marker === 0xdc || marker === 0xdd)
        left += this.readArrayHeader()
      else if ((marker >= 0xa0 && marker <= 0xbf) || (marker >= 0xd9 && marker <= 0xdb)) this.readStr()
      else if (marker >= 0xc4 && marker <= 0xc6) this.readBin()
      else this.position += scalarBytes(marker)
    }
  }

  #byte(): number {
    return this.position < this.#end ? (this.#bytes[this.position++] as number) : -1
  }

  #uint(byteCount: number): number {
    if (this.#end - this.position < byteCount) return -1
    let value = 0
    for (let i = 0; i < byteCount; i++) value = value * 256 + (this.#bytes[this.position++] as number)
    return value
  }

  #uint64(): number {
    const high = this.#uint(4)
    const low = this.#uint(4)
    if (high < 0 || low < 0 || high > 0x1fffff) return -1
    return high * 0x100000000 + low
  }

  /** A signed integer of 2^`widthExponent` bytes that is not negative, or -1. */
  #signed(widthExponent: number): number {
    const top = this.#bytes[this.position] as number
    if (this.position >= this.#end || top >= 0x80) return -1
    return widthExponent === 3 ? this.#uint64() : this.#uint(1 << widthExponent)
  }
}

/** The length of a nil, boolean, integer or float, its marker included. */
function scalarBytes(marker: number): number {
  if (marker === 0xca) return 5
  if (marker === 0xcb) return 9
  return marker >= 0xcc && marker <= 0xd3 ? 1 + (1 << ((marker - 0xcc) & 3)) : 1
}
