"""Every error that a user can meet: what is wrong, where, and what to do about it."""


class GluscopeError(Exception):
    """Base of all errors that are reported in a line, without a traceback."""


class BadNeuronId(GluscopeError):
    """A string that names no neuron."""


class BadNeuronList(GluscopeError):
    """A file that holds no list of neurons."""


class NoSuchNeuron(GluscopeError):
    """A well-formed id outside the dataset."""


class NotComputed(GluscopeError):
    """A neuron that the dataset has, in a table that leaves it out."""


class NoSuchText(GluscopeError):
    """A number beyond the dataset's texts."""

    @classmethod
    def among(cls, what: str, where: object, rows: int) -> "NoSuchText":
        there = f"name one of 0 to {rows - 1}" if rows else "fetch the dataset again, which holds none"
        return cls(f"{what} does not exist in {where}: {there}")


class NoSuchRevision(GluscopeError):
    """A revision that the place of the dataset does not have."""


class DatasetNotFound(GluscopeError):
    """A folder without a finished dataset."""


class DatasetDamaged(GluscopeError):
    """Bytes that are not those which were written."""


class DatasetBeingUpdated(GluscopeError):
    """A replacement of tables that was begun and not finished."""


class DatasetTooNew(GluscopeError):
    """A format version that this release does not know."""


class HubUnreachable(GluscopeError):
    """The Hub does not answer, asks to wait, or may not be asked."""


class HubRefused(GluscopeError):
    """The Hub does not let this user do what was asked."""


class CacheUnusable(GluscopeError):
    """A folder that what is fetched should be kept in, and cannot be."""


class TableMissing(GluscopeError):
    """A table that the dataset does not have."""


class ColumnMissing(GluscopeError):
    """A column that the table does not have."""


class BadSettings(GluscopeError):
    """A setting outside its range, or two that contradict each other."""


class ModelRefused(GluscopeError):
    """A model that cannot be analysed, or not found."""


class TextsUnusable(GluscopeError):
    """Texts that are absent, not tokenised, or outside the model's vocabulary."""


class JoinRefused(GluscopeError):
    """What weights say, or texts, that do not belong to the activations."""


class ImportRefused(GluscopeError):
    """Files that are not what the original program writes."""


class ResumeRefused(GluscopeError):
    """A folder that holds another run."""


class FolderBusy(GluscopeError):
    """A folder in which another process is at work."""


class Stopped(GluscopeError):
    """Somebody asked the process to stop, and what was done is saved."""


class DiskTooSmall(GluscopeError):
    """A disk without room for what was asked for."""


class OutOfMemory(GluscopeError):
    """A model or a batch that memory cannot hold, however small it is cut."""
