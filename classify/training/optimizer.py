"""Build the optimizer of both classifiers: AdamW with a cosine schedule and averaged weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import keras


class Rates(Protocol):
    """A recipe's optimizer settings; see `lungct.classify.training.recipe.ClassifierRecipe`."""

    @property
    def learning_rate(self) -> float:
        """Peak learning rate."""
        ...

    @property
    def weight_decay(self) -> float:
        """Weight decay of AdamW."""
        ...

    @property
    def averaging(self) -> float:
        """Momentum of the weights' moving average."""
        ...


def averaging_adamw(recipe: Rates, steps: int) -> keras.optimizers.Optimizer:
    """Return AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) for a run of `steps` steps.

    The rate rises during the first tenth of the run, then falls to zero along a cosine; gradients are clipped to a norm
    of 1.
    """
    import keras

    return keras.optimizers.AdamW(
        keras.optimizers.schedules.CosineDecay(
            recipe.learning_rate / 10, steps, warmup_target=recipe.learning_rate, warmup_steps=steps // 10 + 1
        ),
        weight_decay=recipe.weight_decay,
        clipnorm=1.0,
        use_ema=True,
        ema_momentum=recipe.averaging,
    )
