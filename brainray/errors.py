"""Every error that brainray raises on purpose.

BrainrayError
├── SettingsError     an environment variable or a line of config.toml
├── ScenarioError     a scenario file or a ``--set`` value
├── DataError         a manifest, a data set, an image, a recording
│   └── LargeSampleError  a sample that is larger than allowed
├── NetworkError      an architecture, a preparation, the shapes of weights
├── CatalogError      a database row or a file of the store
│   ├── FilterError   a filter or a sort of models
│   ├── InvalidError  a value that no catalog takes, whatever is in it
│   ├── UnknownError  a name that the catalog does not have
│   └── UnavailableError  a database or a store that does not answer
├── AtlasError        a brain atlas: its ROIs, their functions and relations
├── SearchError       a space, a searcher, a problem
├── TrainingError     a strategy, its options, a network that they cannot train
├── RunError          a run and its record
├── StoppedError      a run that Ctrl-C or a signal stopped
├── ClusterError      Ray: what cannot be connected or placed
│   └── JobError      a job on a standing cluster that did not end well
├── ServiceError      what the HTTP service refuses, or that it cannot be reached
└── PluginError       a name that no installed package offers

The message is one line that names the field, the value and what is allowed; the command line
prints it without a traceback.
"""


class BrainrayError(Exception):
    """Base of all errors that a user can act on.

    Attributes:
        exit_code: of a command that ends with it.
    """

    exit_code = 1


class SettingsError(BrainrayError):
    """A setting is missing or impossible."""


class ScenarioError(BrainrayError):
    """A scenario says something that cannot be."""


class DataError(BrainrayError):
    """Data cannot be read or do not fit the scenario."""


class LargeSampleError(DataError):
    """A sample is larger than allowed where it is used."""


class NetworkError(BrainrayError):
    """A network, its preparation or its weights do not fit together."""


class CatalogError(BrainrayError):
    """The catalog has no such row, or its store has no such file."""


class FilterError(CatalogError):
    """A filter or a sort of models cannot be read, or speaks of what is not in the catalog."""


class InvalidError(CatalogError):
    """A value that the catalog does not take, whatever is in it."""


class UnknownError(CatalogError):
    """The catalog has nothing of this name."""


class UnavailableError(CatalogError):
    """The catalog's database or store does not answer, or not as it should."""


class AtlasError(BrainrayError):
    """A brain atlas says something that cannot be, or there is none of this name."""


class SearchError(BrainrayError):
    """A search space or a searcher breaks its contract."""


class TrainingError(BrainrayError):
    """A strategy has no such option, or cannot train this network."""


class RunError(BrainrayError):
    """A run cannot start, go on or be found."""


class StoppedError(BrainrayError):
    """A run was stopped on purpose; its exit code is 128 plus the signal's number."""

    def __init__(self, message: str, exit_code: int = 130) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ClusterError(BrainrayError):
    """Ray cannot be reached or cannot place what the run needs."""


class JobError(ClusterError):
    """A job ended otherwise than well; its exit code is that of the job."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ServiceError(BrainrayError):
    """The HTTP service refuses a request, or cannot be reached."""


class PluginError(BrainrayError):
    """No installed package offers the plug-in asked for."""
