"""Lists in the administration, and counts, that cost the same however many rows there are."""

from collections.abc import Iterable
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

MOST = 10_000
"""Nobody reads further than so many rows of a list; its filters find the others."""

# What goes along with more rows than these is not looked up before they are deleted.
_EXAMINED = 1000


def count_up_to(rows: QuerySet[Any], most: int = MOST) -> int:
    """How many rows there are; `most` + 1 where there are more than `most`.

    Rows with an order are counted in it: an index has it, and without one PostgreSQL may read the
    whole table to find a few.
    """
    return rows.values("pk")[: most + 1].count()


def number_in_words(rows: QuerySet[Any]) -> str:
    """How many rows there are; of very many, that they are more."""
    number = count_up_to(rows)
    if number > MOST:
        return _("more than %(number)s") % {"number": f"{MOST:,}"}
    return str(number)


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """The pages of the first MOST rows; `has_more` says whether there are others."""

    template_name = "admin/bounded_pagination.html"

    @cached_property
    def count(self) -> int:
        return min(self._found, MOST)

    @property
    def has_more(self) -> bool:
        return self._found > MOST

    @cached_property
    def _found(self) -> int:
        return count_up_to(self.object_list)  # type: ignore[arg-type]


class LongListAdmin(ModelAdmin):  # type: ignore[misc]
    """An admin whose list shows at most the first MOST rows of those that match its filters.

    Actions on all of them are actions on those. Before rows are deleted they are counted and not
    listed, with what goes along.
    """

    paginator = BoundedPaginator
    show_full_result_count = False
    delete_selected_confirmation_template = "admin/delete_selected_of_many.html"

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        if request.POST.get("select_across", "0") != "0":
            first = list(queryset.values_list("pk", flat=True)[:MOST])
            queryset = queryset.filter(pk__in=first)
        return super().response_action(request, queryset)

    def going_along(self, rows: QuerySet[Any]) -> list[QuerySet[Any]]:
        """What is deleted with some rows."""
        return [rows.none()]

    def get_deleted_objects(
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, str], set[str], list[str]]:
        """Numbers in place of names, and what this person may not delete of it."""
        chosen = list(objs)
        rows = self.model._default_manager.filter(pk__in=[one.pk for one in chosen]).order_by()
        along, numbers = self.going_along(rows), {_named(self.model): str(len(chosen))}
        if len(chosen) <= _EXAMINED:
            along = [one for one in along if one[:1]]
            numbers |= {_named(one.model): number_in_words(one) for one in along}
        lacking = {_named(one.model) for one in along if not self._may_delete(request, one.model)}
        return [str(one) for one in chosen[:1]], numbers, lacking, []

    def _may_delete(self, request: HttpRequest, model: Any) -> bool:
        """What has no page of its own goes with what it belongs to."""
        if not self.admin_site.is_registered(model):
            return True
        admin = self.admin_site.get_model_admin(model)
        allowed: bool = admin.has_delete_permission(request)
        return allowed


def _named(model: Any) -> str:
    return str(model._meta.verbose_name_plural)
