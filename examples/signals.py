"""Convolution before networks: four uses of one operator, (x * k)[i] = sum_j x[j] k[i - j].

    python examples/signals.py     writes runs/signal/signal.png, and the sound without and with its echo as .wav

A kernel is all that differs: equal weights average, two late spikes are an echo, a bell blurs, differences find edges.
A convolutional network learns its kernels; these were thought of.
"""

import wave
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.datasets import load_sample_image

from cuarzo import Tensor, ops

FOLDER = Path("runs/signal")
RATE = 4000  # samples a second
GREY, BLUE, ORANGE = "0.6", "#0072B2", "#D55E00"


def convolve(x: np.ndarray, kernel: np.ndarray, mode: str) -> np.ndarray:
    """The operator of ops.convolve, on arrays."""
    return ops.convolve(Tensor(x.astype(np.float32)), Tensor(kernel.astype(np.float32)), mode).data


def moving_average(panel: Axes, length: int = 25) -> None:
    """Noise of neighbours is independent: the mean of 25 has a fifth of its deviation."""
    day = np.arange(365)
    season = 12 - 9 * np.cos(2 * np.pi * (day - 20) / 365)
    measured = season + np.random.default_rng(4).normal(0, 3, day.size)
    mean = convolve(measured, np.ones(length) / length, "valid")
    panel.plot(day, measured, ".", color=GREY, markersize=4, label="measured")
    panel.plot(day, season, "--", color="black", linewidth=1.2, label="without the noise")
    panel.plot(day[length // 2 : -(length // 2)], mean, color=BLUE, linewidth=2.2, label=f"mean of {length} days")
    panel.set(title=f"moving average: {length} equal weights", xlabel="day of the year", ylabel="temperature (°C)")
    panel.set(xlim=(0, 364), ylim=(-7, 31), yticks=range(-5, 31, 5))
    panel.legend(loc="lower center", fontsize=9)


def pluck(frequency: float, seconds: float) -> np.ndarray:
    """A string: overtones, each fading faster than the one below."""
    t = np.arange(int(RATE * seconds)) / RATE
    return sum(np.sin(2 * np.pi * k * frequency * t) * np.exp(-7 * k * t) / k for k in (1, 2, 3, 4))


def echo(panel: Axes, delay: float = 0.4) -> None:
    """The sound again after 0.4 s, at half its strength, and once more after 0.8 s, at a quarter."""
    sound = np.zeros(int(1.2 * RATE))
    for start, frequency in ((0.05, 220), (0.2, 330)):
        note = pluck(frequency, 0.7)
        first = int(start * RATE)
        sound[first : first + note.size] += note
    kernel = np.zeros(int(2 * delay * RATE) + 1)
    kernel[[0, int(delay * RATE), -1]] = 1, 0.5, 0.25
    heard = convolve(sound, kernel, "full")
    write_sound("sound.wav", sound)
    write_sound("echo.wav", heard)
    panel.plot(np.arange(heard.size) / RATE, heard, color=ORANGE, linewidth=0.7, label="with echo")
    panel.plot(np.arange(sound.size) / RATE, sound, color=BLUE, linewidth=0.7, label="two plucked strings")
    panel.set(title="echo: three spikes, 1, ½ and ¼", xlabel="time (s)", ylabel="sound pressure")
    panel.set(xlim=(0, 1.6), ylim=(-1.9, 2.6))
    for line in panel.legend(loc="upper right", fontsize=9).get_lines():
        line.set_linewidth(2.5)
    spikes = panel.inset_axes((0.52, 0.07, 0.45, 0.22))
    spikes.stem(np.flatnonzero(kernel) / RATE, kernel[kernel > 0], linefmt="k-", markerfmt="k.", basefmt="k-")
    spikes.set(xlim=(-0.05, 0.9), ylim=(0, 1.2), xticks=(0, delay, 2 * delay), yticks=(0, 1))
    spikes.set_title("the kernel", fontsize=9)
    spikes.tick_params(labelsize=8)


def write_sound(name: str, sound: np.ndarray) -> None:
    with wave.open(str(FOLDER / name), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound / np.abs(sound).max() * 32767).astype("<i2").tobytes())


def picture() -> np.ndarray:
    """A photograph in grey, from 0 (black) to 1."""
    return load_sample_image("china.jpg")[:, :412].mean(2) / 255


def blur(panel: Axes, deviation: float = 4.0) -> None:
    """A bell in two axes: every pixel becomes a mean of its neighbourhood, near ones counting most.

    Outside the picture there are zeros, and so it darkens at its rim.
    """
    image = picture()
    x = np.arange(-12, 13)
    bell = np.exp(-(x**2) / (2 * deviation**2))
    kernel = np.outer(bell, bell) / bell.sum() ** 2
    blurred, half = convolve(image, kernel, "same"), image.shape[1] // 2
    panel.imshow(np.hstack([image[:, :half], blurred[:, half:]]), cmap="gray", vmin=0, vmax=1)
    panel.axvline(half, color="white", linewidth=1.5)
    panel.set(title="blur: a bell of 25 × 25 weights, on the right half")
    panel.set_axis_off()
    show_kernel(panel, kernel, 0.80)


def edges(panel: Axes) -> None:
    """Sobel's differences, across and down; the length of the two is how steep the grey is."""
    image = picture()
    across = np.outer([1, 2, 1], [1, 0, -1]) / 8  # a flipped kernel slides: right minus left
    steep = np.hypot(convolve(image, across, "valid"), convolve(image, across.T, "valid"))
    panel.imshow(steep, cmap="gray_r", vmin=0, vmax=np.quantile(steep, 0.99))
    panel.set(title="edges: Sobel's two kernels (orange adds, violet takes away)")
    panel.set_axis_off()
    show_kernel(panel, across, 0.58)
    show_kernel(panel, across.T, 0.80)


def show_kernel(panel: Axes, kernel: np.ndarray, left: float) -> None:
    """The kernel in a corner of the picture: orange adds, violet takes away."""
    inset = panel.inset_axes((left, 0.03, 0.18, 0.18))
    largest = np.abs(kernel).max()
    inset.imshow(kernel, cmap="PuOr_r", vmin=-largest, vmax=largest)
    inset.set(xticks=[], yticks=[])


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(12, 8.6), dpi=110, layout="constrained")
    for draw, panel in zip((moving_average, echo, blur, edges), figure.subplots(2, 2).flat):
        draw(panel)
    figure.savefig(FOLDER / "signal.png")
    print(f"written: {FOLDER / 'signal.png'}, sound.wav, echo.wav")


if __name__ == "__main__":
    main()
